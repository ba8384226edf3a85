/** Every route of the emulator, in one table. */

import { accountRoutes } from "./account-routes.js";
import { associationRoutes } from "./association-routes.js";
import { authorizeRoutes } from "./authorize-routes.js";
import { crmBatchRoutes } from "./crm-batch-routes.js";
import { crmRoutes } from "./crm-routes.js";
import { crmSearchRoutes } from "./crm-search-routes.js";
import { legacyCrmRoutes } from "./legacy-crm-routes.js";
import { RouteTable } from "./route-table.js";
import { tokenMetadataRoutes } from "./token-metadata-routes.js";
import { tokenRoutes } from "./token-routes.js";
import { webhookRoutes } from "./webhook-routes.js";

/** The table. */
export const ROUTES: RouteTable = new RouteTable([
  ...authorizeRoutes,
  ...tokenRoutes,
  ...tokenMetadataRoutes,
  ...accountRoutes,
  ...crmRoutes,
  ...crmBatchRoutes,
  ...crmSearchRoutes,
  ...associationRoutes,
  ...legacyCrmRoutes,
  ...webhookRoutes,
]);
