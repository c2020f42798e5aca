// Asks servers for a page over TLS, and prints what became of it, a line each:
// get.js HOST PORT CA NAME...
'use strict';
const fs = require('fs');
const tls = require('tls');

const [host, port, ca, ...names] = process.argv.slice(2);

function get(servername) {
  return new Promise((resolve) => {
    const timeout = servername.startsWith('handshake-stalls') ? 500 : 10000;
    const options = { host, port, servername, timeout, ca: fs.readFileSync(ca) };
    const socket = tls.connect(options);
    let outcome = 'ok';
    socket.on('secureConnect', () => socket.write(`GET / HTTP/1.0\r\nHost: ${servername}\r\n\r\n`));
    socket.on('data', () => {});
    socket.on('timeout', () => socket.destroy(new Error('timeout')));
    socket.on('error', (error) => (outcome = [error.code, error.message.trim()].join(' ')));
    socket.on('close', () => resolve(outcome));
  });
}

(async () => {
  for (const name of names) console.log(`${name}: ${await get(name)}`);
})();
