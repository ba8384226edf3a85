// `npm run bench:scale -- memory | fleet | day`: what becomes of memory, of the cost of a call and of refreshes as accounts grow. Nothing
// here is asserted anywhere: times are the machine's. Each part stands in a file of its own and says what it takes with --help.
import process from "node:process";

const HELP = `npm run bench:scale -- <part> [options]

  memory   what an account that is cached costs in memory, and a call, from 1 to 100,000 accounts
  fleet    10,000 accounts, 3 expiries, 4 processes on Redis and on PostgreSQL: how often each token is refreshed
  day      a day of 100,000 accounts on a simulated clock: how many tokens HubSpot is asked for at the busiest moment

Each part has --help, --quick (seconds, for trying it out; writes nothing unless --out is given) and --out <folder>.
`;

const parts = {
  memory: () => import("./memory.mjs"),
  fleet: () => import("./fleet.mjs"),
  day: () => import("./day.mjs"),
};

const [part, ...args] = process.argv.slice(2);
if (part === undefined || part === "--help") process.stdout.write(HELP);
else if (!Object.hasOwn(parts, part)) throw new TypeError(`There is no part ${part}: ${Object.keys(parts).join(", ")}.`);
else {
  const { main } = await parts[part]();
  await main(args);
}
