// peer.mjs NAME TTL_MS "URL ..." COMMAND...: npm's redlock. COMMAND is told until when it may run.
import { spawnSync } from "child_process";
import { createRequire } from "module";
const require = createRequire(process.env.CHAOS_PEERS + "/");
const { Redis } = require("ioredis");
const Redlock = require("redlock").default;

const [name, ttl, urls, ...command] = process.argv.slice(2);
const clients = urls.split(" ").map((url) => new Redis(url, { commandTimeout: 500, connectTimeout: 500, maxRetriesPerRequest: 0 }));
clients.forEach((client) => client.on("error", () => {}));
const redlock = new Redlock(clients, { retryCount: 5, retryDelay: 300, retryJitter: 100 });
redlock.on("error", () => {});
let status = 75;
try {
  const lock = await redlock.acquire([name], Number(ttl));
  // CLOCK_MONOTONIC, which is CLOCK_BOOTTIME on a machine that never slept.
  const left = BigInt(Math.floor(lock.expiration - Date.now() - 20)) * 1000000n;
  const until = process.hrtime.bigint() + left;
  status = left > 0n ? spawnSync(command[0], [...command.slice(1), "until", String(until)]).status : 75;
  await lock.release();
} catch (error) {
  if (status === 75) console.error(String(error));
}
process.exit(status);
