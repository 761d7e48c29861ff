// Vendure as it comes, on the database that PGHOST and the like tell: no plugins, what it has in memory by default.
const { DefaultLogger, LogLevel } = require("@vendure/core");

exports.config = {
  apiOptions: { hostname: "127.0.0.1", port: Number(process.env.PORT) },
  authOptions: {
    tokenMethod: ["bearer"],
    superadminCredentials: { identifier: "bench", password: process.env.SECRET },
    cookieOptions: { secret: process.env.SECRET },
  },
  dbConnectionOptions: { type: "postgres", database: process.env.PGDATABASE, synchronize: false, logging: false },
  paymentOptions: { paymentMethodHandlers: [] },
  logger: new DefaultLogger({ level: LogLevel.Warn }),
};
