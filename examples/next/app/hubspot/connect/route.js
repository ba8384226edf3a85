// @ts-check
import { handlers } from "../../../lib/hubspot.js";

export const GET = handlers.connect;
export const POST = handlers.connect;
