// The example of the documentation of toxiproxy-node-client, in front of an echo.
//
// Arguments: where the API is, where the proxy listens, and where the echo is.
"use strict";
const assert = require("assert");
const net = require("net");
const toxiproxyClient = require("toxiproxy-node-client");

/** Returns how many milliseconds an echo takes. */
function ask(address) {
  const [host, port] = address.split(":");
  return new Promise((resolve, reject) => {
    const start = performance.now();
    const socket = net.connect(Number(port), host, () => socket.write("hello"));
    socket.on("error", reject);
    socket.on("close", () => reject(new Error("closed")));
    socket.on("data", () => {
      resolve(performance.now() - start);
      socket.destroy();
    });
  });
}

async function main() {
  const [api, listen, upstream] = process.argv.slice(2);
  const toxiproxy = new toxiproxyClient.Toxiproxy(`http://${api}`);
  assert.match(JSON.stringify(await toxiproxy.getVersion()), /"2\./);
  const proxyBody = { listen, name: "redis", upstream };
  const proxy = await toxiproxy.createProxy(proxyBody);
  assert.deepStrictEqual(proxy.toJson(), { ...proxyBody, enabled: true });
  const toxicBody = { attributes: { rate: 1000 }, type: "bandwidth" };
  const toxic = await proxy.addToxic(toxicBody);
  assert.strictEqual(toxic.name, "bandwidth_downstream");
  await ask(listen);
  const changed = await toxic.update({ attributes: { rate: 2000 }, toxicity: 0.5 });
  assert.deepStrictEqual([changed.attributes, changed.toxicity], [{ rate: 2000 }, 0.5]);
  await toxic.remove();
  await assert.rejects(proxy.getToxic(toxic.name), /404/);

  await proxy.addToxic({ attributes: { latency: 100, jitter: 0 }, type: "latency" });
  assert.ok((await ask(listen)) >= 99);
  await proxy.update({ enabled: false, listen, upstream });
  await assert.rejects(ask(listen), /ECONNREFUSED/);
  await toxiproxy.reset();
  assert.strictEqual((await toxiproxy.get("redis")).enabled, true);
  await ask(listen);

  const populated = await toxiproxy.populate([{ ...proxyBody, enabled: true }]);
  assert.deepStrictEqual(Object.keys(populated), ["redis"]);
  await proxy.remove();
  assert.deepStrictEqual(await toxiproxy.getAll(), {});
  console.log("done");
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
