// What `redlock run NAME -- COMMAND` is, with npm's redlock: node lock.mjs NAME COMMAND [ARG...]
//
// The nodes come from REDLOCK_NODES. The settings are the library's own, but that it waits for ever. tests/bench/compare
// runs a copy of this in the build folder, beside the packages.
import { spawn } from "node:child_process";
import Redis from "ioredis";
import Redlock from "redlock";

const [name, command, ...args] = process.argv.slice(2);
const clients = process.env.REDLOCK_NODES.split(" ").map((url) => new Redis(url));
for (const client of clients) client.on("error", () => {});
const redlock = new Redlock(clients, { retryCount: -1 });

const ttl = 30_000;
let lock = await redlock.acquire([name], ttl);
const keeper = setInterval(async () => (lock = await lock.extend(ttl)), ttl / 3);
const child = spawn(command, args, { stdio: "inherit" });
child.on("exit", async (code) => {
  clearInterval(keeper);
  await lock.release();
  process.exit(code ?? 1); // a polite disconnect() would wait two seconds for a node that hangs
});
