/* To a page that is opened from the disk a browser allows no worker. The theme searches in one. This runs
   the worker's script in a hidden frame instead: the theme knows such a frame by the name IFrameWorker. */

class IFrameWorker extends EventTarget {
  constructor(url) {
    super();
    this.frame = document.createElement("iframe");
    this.frame.hidden = true;
    document.body.append(this.frame);
    const page = this.frame.contentDocument;
    page.open();
    page.write("<!doctype html><title>Search</title>");
    page.close();
    const load = (script) =>
      new Promise((loaded, failed) => {
        const element = page.createElement("script");
        Object.assign(element, { src: script, onload: loaded, onerror: failed });
        page.head.append(element);
      });
    const scope = this.frame.contentWindow;
    scope.postMessage = (data) => this.dispatchEvent(new MessageEvent("message", { data }));
    scope.importScripts = async (...scripts) => {
      for (const script of scripts) await load(script);
    };
    this.ready = load(url);
  }

  async postMessage(data) {
    await this.ready;
    const scope = this.frame.contentWindow;
    scope.dispatchEvent(new scope.MessageEvent("message", { data }));
  }

  terminate() {
    this.frame.remove();
  }
}

if (location.protocol === "file:") {
  window.IFrameWorker = IFrameWorker;
  window.Worker = IFrameWorker;
}
