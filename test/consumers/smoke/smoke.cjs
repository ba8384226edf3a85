import("./scenario.mjs").then(({ smoke }) => smoke(async (specifier) => require(specifier)));
