// A dispatcher, as the option `dispatcher` takes one, that answers every API call itself: a page of contacts with HubSpot's headers. No
// socket is opened, so that what is measured is the library. Strings of an answer are made for each, as an HTTP parser makes them.

const BODY = Buffer.from(JSON.stringify({ results: [{ id: "51", properties: { email: "grace@example.com" }, archived: false }] }));
const HEADERS = {
  "content-type": "application/json;charset=utf-8",
  "content-length": String(BODY.length),
  "x-hubspot-ratelimit-max": "110",
  "x-hubspot-ratelimit-interval-milliseconds": "10000",
};
const WIRE = Object.entries(HEADERS).map(([name, value]) => [name, Buffer.from(value)]);
const CONTROLLER = { abort() {}, pause() {}, resume() {}, aborted: false, paused: false, reason: null };

/** Answers in a microtask. */
export class AnsweringDispatcher {
  dispatch(_options, handler) {
    handler.onRequestStart(CONTROLLER, {});
    queueMicrotask(() => {
      handler.onResponseStart(CONTROLLER, 200, Object.fromEntries(WIRE.map(([name, bytes]) => [name, bytes.latin1Slice()])), "OK");
      handler.onResponseData(CONTROLLER, Buffer.from(BODY));
      handler.onResponseEnd(CONTROLLER, {});
    });
    return true;
  }
}
