// @ts-check
/** Who can sign in: two people, without passwords. Your app has this already. */

/** @typedef {{ readonly id: string, readonly name: string }} User */

/** @type {readonly User[]} */
export const users = [
  { id: "ada", name: "Ada Okafor" },
  { id: "bjorn", name: "Björn Lindqvist" },
];

/**
 * @param {unknown} id
 * @returns {User | undefined}
 */
export function findUser(id) {
  return users.find((user) => user.id === id);
}
