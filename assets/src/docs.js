// The API's pages: Swagger UI from our own files, under a strict policy.
import "swagger-ui-dist/swagger-ui.css";
import SwaggerUI from "swagger-ui-dist/swagger-ui-es-bundle.js";

const page = document.getElementById("docs");
SwaggerUI({ domNode: page, url: page.dataset.spec, validatorUrl: null, deepLinking: true });
