// Makes 40 products through Medusa's own workflows; prints what a client has to know.
const flows = require("@medusajs/medusa/core-flows");

exports.default = async function fill({ container }) {
  const run = async (name, input) => (await flows[name](container).run({ input })).result;
  const [channel] = await run("createSalesChannelsWorkflow", { salesChannelsData: [{ name: "Bench" }] });
  const [region] = await run("createRegionsWorkflow", {
    regions: [{ name: "Germany", currency_code: "eur", countries: ["de"] }],
  });
  await run("createTaxRegionsWorkflow", [
    { country_code: "de", provider_id: "tp_system", default_tax_rate: { name: "VAT", code: "vat", rate: 19 } },
  ]);
  const [place] = await run("createStockLocationsWorkflow", { locations: [{ name: "Bench" }] });
  await run("linkSalesChannelsToStockLocationWorkflow", { id: place.id, add: [channel.id] });
  const [key] = await run("createApiKeysWorkflow", {
    api_keys: [{ type: "publishable", title: "Bench", created_by: "bench" }],
  });
  await run("linkSalesChannelsToApiKeyWorkflow", { id: key.id, add: [channel.id] });
  const products = await run("createProductsWorkflow", {
    products: Array.from({ length: 40 }, (_, number) => ({
      title: `Product ${number}`,
      status: "published",
      sales_channels: [{ id: channel.id }],
      options: [{ title: "Size", values: ["One"] }],
      variants: [{
        title: "One", sku: `bench-${number}`, manage_inventory: true, options: { Size: "One" },
        prices: [{ currency_code: "eur", amount: 5 + number }],
      }],
    })),
  });
  const { data: kept } = await container.resolve("query").graph({ entity: "inventory_item", fields: ["id"] });
  await run("createInventoryLevelsWorkflow", {
    inventory_levels: kept.map((one) => ({
      inventory_item_id: one.id, location_id: place.id, stocked_quantity: 1_000_000_000,
    })),
  });
  const variants = products.map((one) => one.variants[0].id);
  console.log(JSON.stringify({ products: variants, key: `${key.token} ${region.id}` }));
};
