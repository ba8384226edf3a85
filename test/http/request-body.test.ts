/** The body of a call as it is sent: what it becomes, and what is refused before anything is sent. */
import { FormData as UndiciFormData } from "undici";
import { describe, expect, it } from "vitest";
import { encodeBody, isByteStream, streamBody } from "../../src/http/request-body.js";
import { refusal } from "./support.js";

/** What a multipart body says, part by part. */
async function parts(content: unknown, contentType: string | undefined): Promise<[string, string][]> {
  // oxlint-disable-next-line typescript/no-deprecated -- deprecated for servers, because it reads everything into memory
  const form = await new Response(content as Uint8Array<ArrayBuffer>, { headers: { "content-type": contentType ?? "" } }).formData();
  return Promise.all(
    [...form].map(async ([name, value]): Promise<[string, string]> => [name, typeof value === "string" ? value : await value.text()]),
  );
}

describe("bodies", () => {
  const form = "application/x-www-form-urlencoded";

  it.each<[string, unknown, boolean, string | Uint8Array | undefined, string | undefined]>([
    ["nothing", undefined, false, undefined, undefined],
    ["nothing, with a type", undefined, true, undefined, undefined],
    ["an object as JSON", { a: [1, null, "é"] }, false, '{"a":[1,null,"é"]}', "application/json"],
    ["an object as JSON under a type of its own", { a: 1 }, true, '{"a":1}', "application/json"],
    ["null as JSON", null, false, "null", "application/json"],
    ["false as JSON", false, false, "false", "application/json"],
    ["a string as JSON", "a", false, '"a"', "application/json"],
    ["a date as JSON", new Date(0), false, '"1970-01-01T00:00:00.000Z"', "application/json"],
    ["a string as it is under a type", "a,b\n", true, "a,b\n", undefined],
    ["an empty string as it is under a type", "", true, "", undefined],
    ["bytes as they are under a type", Uint8Array.of(0, 255), true, Uint8Array.of(0, 255), undefined],
    ["URLSearchParams as a form", new URLSearchParams({ a: "b c", d: "&" }), false, "a=b+c&d=%26", form],
  ])("%s", (_, body, hasContentType, content, contentType) => {
    expect(encodeBody(body, hasContentType ? "x/y" : undefined)).toEqual({ content, contentType });
  });

  it.each<[string, unknown]>([
    ["bytes without a type", Uint8Array.of(1)],
    ["an ArrayBuffer", new ArrayBuffer(1)],
    ["a stream", new ReadableStream()],
    ["a function", () => undefined],
    ["a symbol", Symbol("a")],
    ["a bigint", { a: 1n }],
  ])("%s is refused", (_, body) => {
    expect(refusal(() => encodeBody(body, undefined))).not.toBe("");
  });
});

describe("a form with files", () => {
  const form = (): FormData => {
    const made = new FormData();
    made.append("folderPath", "/imports");
    made.append("file", new File(["a,b\n"], "contacts.csv", { type: "text/csv" }));
    return made;
  };

  it("is encoded once, so that it can be sent again", async () => {
    const { content, contentType } = await encodeBody(form(), undefined);
    expect(content).toBeInstanceOf(Uint8Array);
    expect(contentType).toMatch(/^multipart\/form-data; boundary=/);
    expect(await parts(content, contentType)).toEqual([
      ["folderPath", "/imports"],
      ["file", "a,b\n"],
    ]);
    expect(Buffer.from(content as Uint8Array).toString()).toContain('filename="contacts.csv"');
  });

  it("of undici's own class is as good", async () => {
    const made = new UndiciFormData();
    made.append("file", new File(["x"], "x.txt", { type: "text/plain" }));
    const { content, contentType } = await encodeBody(made, undefined);
    expect(await parts(content, contentType)).toEqual([["file", "x"]]);
    expect(Buffer.from(content as Uint8Array).toString()).toContain('filename="x.txt"');
  });

  it("decides its content type itself, since it knows the boundary", () => {
    expect(refusal(() => encodeBody(form(), "multipart/form-data"))).toContain("content-type");
    expect(refusal(() => streamBody(form(), "multipart/form-data"))).toContain("content-type");
  });

  it("is read piece by piece by stream()", async () => {
    const { content, contentType } = await streamBody(form(), undefined);
    expect(isByteStream(content)).toBe(true);
    const chunks: Uint8Array[] = [];
    for await (const chunk of content as AsyncIterable<Uint8Array>) chunks.push(chunk);
    expect(await parts(Buffer.concat(chunks), contentType)).toEqual([
      ["folderPath", "/imports"],
      ["file", "a,b\n"],
    ]);
  });
});

describe("a Blob", () => {
  it("is its bytes with its type, or none in particular", async () => {
    expect(await encodeBody(new Blob(["a"], { type: "text/csv" }), undefined)).toEqual({
      content: Uint8Array.of(97),
      contentType: "text/csv",
    });
    expect(await encodeBody(new Blob(["a"]), undefined)).toEqual({ content: Uint8Array.of(97), contentType: "application/octet-stream" });
  });

  it("is a stream to stream()", async () => {
    const { content, contentType } = await streamBody(new Blob(["a"]), undefined);
    expect([isByteStream(content), contentType]).toEqual([true, "application/octet-stream"]);
  });
});

it("streams go to stream() and its error says so", async () => {
  expect(refusal(() => encodeBody(new ReadableStream(), undefined))).toContain("stream()");
  const stream = new ReadableStream();
  expect(await streamBody(stream, undefined)).toEqual({ content: stream, contentType: "application/octet-stream" });
  expect(await streamBody({ a: 1 }, undefined)).toEqual({ content: '{"a":1}', contentType: "application/json" });
});
