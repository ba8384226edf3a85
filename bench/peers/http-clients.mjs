// HTTP clients that know nothing of OAuth: each sends a token that somebody else keeps. Raw undici is what all others are measured against.
import { Agent as HttpAgent } from "node:http";
import axios from "axios";
import got from "got";
import ky from "ky";
import { rawRequest } from "../throughput/contenders.mjs";
import { BEARER, PATH } from "./page.mjs";

export const httpClients = {
  raw: { label: "undici.request + body.json()", refreshes: "no", create: ({ origin }) => rawRequest(origin) },

  twin: { label: "the same once more (A/A)", refreshes: "no", create: ({ origin }) => rawRequest(origin) },

  fetch: {
    label: "global fetch",
    refreshes: "no",
    create: ({ origin }) => ({
      call: async (limit) => (await fetch(`${origin}${PATH}?limit=${limit}`, { headers: { authorization: BEARER } })).json(),
      close() {},
    }),
  },

  ky: {
    label: "ky",
    refreshes: "no",
    create: ({ origin }) => {
      const client = ky.create({ prefix: origin, headers: { authorization: BEARER } });
      return { call: (limit) => client.get(PATH.slice(1), { searchParams: { limit } }).json(), close() {} };
    },
  },

  got: {
    label: "got",
    refreshes: "no",
    create: ({ origin }) => {
      const http = new HttpAgent({ keepAlive: true });
      const client = got.extend({ prefixUrl: origin, headers: { authorization: BEARER }, agent: { http } });
      return { call: (limit) => client.get(PATH.slice(1), { searchParams: { limit } }).json(), close: () => http.destroy() };
    },
  },

  axios: {
    label: "axios",
    refreshes: "no",
    create: ({ origin }) => {
      const httpAgent = new HttpAgent({ keepAlive: true });
      const client = axios.create({ baseURL: origin, headers: { authorization: BEARER }, httpAgent });
      return { call: async (limit) => (await client.get(PATH, { params: { limit } })).data, close: () => httpAgent.destroy() };
    },
  },
};
