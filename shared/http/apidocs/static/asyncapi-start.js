const docs = document.getElementById("docs");
AsyncApiStandalone.render({ schema: { url: docs.dataset.url }, config: { show: { sidebar: true } } }, docs);
