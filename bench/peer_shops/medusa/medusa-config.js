// Medusa as it comes, with what it has in memory by default; only its admin page is left out.
const { defineConfig } = require("@medusajs/framework/utils");

module.exports = defineConfig({
  projectConfig: {
    databaseUrl: process.env.DATABASE_URL,
    databaseDriverOptions: { ssl: false },
    http: { storeCors: "", adminCors: "", authCors: "", jwtSecret: process.env.SECRET, cookieSecret: process.env.SECRET },
  },
  admin: { disable: true },
});
