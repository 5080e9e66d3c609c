// Hands out a page that was kept when its field was loaded, if there is no network (assets/live/field.js registers it).
"use strict";
self.addEventListener("install", () => self.skipWaiting());
self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));
self.addEventListener("fetch", (event) => {
  const kept = async () => (await caches.match(event.request, { ignoreVary: true })) ?? Response.error();
  event.respondWith(fetch(event.request).catch(kept));
});
