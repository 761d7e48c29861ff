// Makes the tables and 40 products through Vendure's own import; prints what a client has to know.
const fs = require("fs");
const os = require("os");
const path = require("path");
const { bootstrap, ProductVariantService, RequestContextService } = require("@vendure/core");
const { populate } = require("@vendure/core/cli");
const { config } = require("./config");

const shop = {
  defaultLanguage: "en",
  defaultZone: "Europe",
  countries: [{ code: "DE", name: "Germany", zone: "Europe" }],
  taxRates: [{ name: "Standard Tax", percentage: 19 }],
  shippingMethods: [{ name: "Post", price: 500 }],
  paymentMethods: [],
  collections: [],
};
const head = "name,slug,description,assets,facets,optionGroups,optionValues,sku,price,taxCategory,stockOnHand," +
  "trackInventory,variantAssets,variantFacets";
const rows = Array.from({ length: 40 }, (_, number) =>
  `Product ${number},product-${number},,,,,,bench-${number},${5 + number},standard,1000000000,true,,`);

async function fill() {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "ghostcart-bench-"));
  const products = path.join(folder, "products.csv");
  fs.writeFileSync(products, [head, ...rows].join("\n"));
  const making = { ...config, dbConnectionOptions: { ...config.dbConnectionOptions, synchronize: true } };
  const app = await populate(() => bootstrap(making), shop, products);
  fs.rmSync(folder, { recursive: true });
  const asked = await app.get(RequestContextService).create({ apiType: "admin" });
  const { items } = await app.get(ProductVariantService).findAll(asked, { take: 100 });
  console.log(JSON.stringify({ products: items.map((one) => String(one.id)) }));
  await app.close();
  process.exit(0);
}

fill().catch((error) => {
  console.error(error);
  process.exit(1);
});
