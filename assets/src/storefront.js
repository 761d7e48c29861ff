// Storefront: the shopper's pages. No UI kit. The cart is filled through the public store API, as by any other shop.
import "./storefront.css";
import * as cart from "./storefront/cart.js";
import { startCheckout } from "./storefront/checkout.js";
import { startDrawer } from "./storefront/drawer.js";
import { startHeader } from "./storefront/header.js";
import { startProduct } from "./storefront/product.js";
import { startCartViews } from "./storefront/views.js";

startHeader();
startCartViews();
startDrawer();
startProduct();
startCheckout();
cart.start();
