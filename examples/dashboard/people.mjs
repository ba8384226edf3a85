// @ts-check
/** The customers of this app and the people who work for them. Without passwords: your app has sign-in and a table of users already. */

/** @typedef {{ readonly id: string, readonly name: string }} Tenant */
/** @typedef {{ readonly id: string, readonly name: string, readonly tenant: Tenant }} Person */

const birch = { id: "birch", name: "Birch & Partners" };
const cobalt = { id: "cobalt", name: "Cobalt Studio" };

/** @type {readonly Tenant[]} */
export const tenants = [birch, cobalt];

/** @type {readonly Person[]} */
export const people = [
  { id: "ada", name: "Ada Okafor", tenant: birch },
  { id: "bjorn", name: "Björn Lindqvist", tenant: birch },
  { id: "chloe", name: "Chloé Moreau", tenant: cobalt },
  { id: "dilip", name: "Dilip Sharma", tenant: cobalt },
];

/**
 * @param {unknown} id
 * @returns {Person | undefined}
 */
export function findPerson(id) {
  return people.find((person) => person.id === id);
}
