// A real OpenID provider for tests: oidc-provider, with the pages by which it signs anybody in under any name.
//
// node provider.mjs MODULES CERTIFICATE KEY SECRET; it prints its port, reads where the client wants browsers back from
// one line of standard input, and prints another line when it answers. Whoever is called `new…` has an address that is
// not verified.

import { readFileSync } from "node:fs";
import { createServer } from "node:https";
import { createInterface } from "node:readline";
import { pathToFileURL } from "node:url";

const [modules, certificate, key, secret] = process.argv.slice(2);
const { default: Provider } = await import(pathToFileURL(`${modules}/oidc-provider/lib/index.js`));

const server = createServer({ cert: readFileSync(certificate), key: readFileSync(key) });
server.listen(0, "127.0.0.1", () => console.log(server.address().port));

for await (const back of createInterface({ input: process.stdin })) {
  const provider = new Provider(`https://127.0.0.1:${server.address().port}`, {
    clients: [{ client_id: "symbolon", client_secret: secret, redirect_uris: [back] }],
    claims: { openid: ["sub"], profile: ["preferred_username"], email: ["email", "email_verified"] },
    cookies: { keys: ["only for tests"] },
    findAccount: (_, name) => ({
      accountId: name,
      claims: () => ({
        sub: name,
        preferred_username: name,
        email: `${name}@example.org`,
        email_verified: !name.startsWith("new"),
      }),
    }),
    pkce: { required: () => true },
  });
  server.on("request", provider.callback());
  console.log("ready");
}
