// Reads an AsyncAPI document from standard input; prints what is wrong with it, and what it tells, as JSON.
import { Parser } from "@asyncapi/parser";
import { readFileSync } from "node:fs";

const { document, diagnostics } = await new Parser().parse(readFileSync(0, "utf8"));
const told = document?.channels().all().map((channel) => [channel.address(), channel.messages().all().length]);
console.log(JSON.stringify({ diagnostics, channels: told ?? null }));
