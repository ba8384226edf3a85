// @ts-check
import { handlers } from "../../../lib/hubspot.js";

export const POST = handlers.disconnect;
