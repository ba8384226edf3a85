// @ts-check
import { handlers } from "../../../lib/hubspot.js";

export const GET = handlers.callback;
