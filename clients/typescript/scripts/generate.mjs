// Writes src/schema.ts from the OpenAPI document of a service: `npm run generate -- URL-OR-FILE`.
import { readFile, writeFile } from "node:fs/promises";
import openapiTS, { astToString } from "openapi-typescript";
import ts from "typescript";

const source = process.argv[2] ?? "http://127.0.0.1:8000/openapi.json";
const document = source.startsWith("http")
  ? await (await fetch(source)).json()
  : JSON.parse(await readFile(source, "utf8"));

const name = (text) => ts.factory.createTypeReferenceNode(ts.factory.createIdentifier(text));
const types = await openapiTS(document, {
  // Files are no strings: https://openapi-ts.dev/node#example-blob-types
  transform: (schema) =>
    schema.format === "binary"
      ? ts.factory.createUnionTypeNode([name("File"), name("Blob")])
      : undefined,
});
const head = "// Written by `npm run generate` from the OpenAPI document. Do not edit.\n";
await writeFile(new URL("../src/schema.ts", import.meta.url), head + astToString(types));
