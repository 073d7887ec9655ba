// A program in another language calls a service by its name, through the sidecar beside it. No library is needed.
//
//   meshclient run --service orders --upstream http://127.0.0.1:8080 -- node examples/node/order.mjs
import { request } from "node:http";

const sidecar = process.env.MESHCLIENT_SIDECAR_URL ?? "http://127.0.0.1:7140";

const call = request(`${sidecar}/v1/orders/42`, { headers: { host: "orders" } }, (answer) => {
  let body = "";
  answer.setEncoding("utf8");
  answer.on("data", (part) => (body += part));
  answer.on("end", () => console.log(`${answer.statusCode} ${answer.headers["mesh-error"] ?? body}`));
});
call.on("error", (error) => {
  console.error(`no sidecar at ${sidecar}: ${error.message}`);
  process.exitCode = 1;
});
call.end();
