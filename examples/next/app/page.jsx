// @ts-check
/** Who you are, and what your connection is. Links to `connect`, not `next/link`: that one would read ahead. */
import { hubspotClient } from "../lib/hubspot.js";
import { signedInUser, users } from "../lib/session.js";

export default async function Home() {
  const user = await signedInUser();
  if (user === undefined) {
    return (
      <>
        <h1>Who are you?</h1>
        <form method="post" action="/sign-in">
          {users.map(({ id, name }) => (
            <button key={id} name="user" value={id}>
              Sign in as {name}
            </button>
          ))}
        </form>
      </>
    );
  }
  const account = await hubspotClient().getAccount(user.id);
  return (
    <>
      <h1>{`Hello, ${user.name}`}</h1>
      {account === undefined ? (
        <>
          <p>Your HubSpot account is not connected.</p>
          <p>
            <a href="/hubspot/connect">Connect HubSpot</a>
          </p>
        </>
      ) : (
        <>
          <p>
            {`HubSpot account ${account.hubId} is connected.`} {account.status === "dead" && "HubSpot has ended the connection."}
          </p>
          <p>It has granted:</p>
          <ul>
            {account.scopes.map((scope) => (
              <li key={scope}>
                <code>{scope}</code>
              </li>
            ))}
          </ul>
          <p>
            <a href="/contacts">Contacts</a> <a href="/deals">Deals</a>
          </p>
          <p>
            <a href={`/hubspot/connect?account=${encodeURIComponent(account.accountId)}`}>Connect again</a>
          </p>
          <form method="post" action={`/hubspot/disconnect?account=${encodeURIComponent(account.accountId)}`}>
            <button>Disconnect</button>
          </form>
        </>
      )}
      <form method="post" action="/sign-out">
        <button>Sign out</button>
      </form>
    </>
  );
}
