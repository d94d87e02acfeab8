// Browsers refuse workers to pages that are opened from disk. There the search runs its worker in a hidden frame.
if (location.protocol === "file:") {
  window.Worker = class extends EventTarget {
    constructor(url) {
      super();
      this.frame = document.createElement("iframe");
      this.frame.hidden = true;
      document.body.appendChild(this.frame);
      addEventListener("message", (event) => {
        if (event.source === this.frame.contentWindow) {
          this.dispatchEvent(new MessageEvent("message", { data: event.data }));
        }
      });
      // What is sent before the worker's script runs would be lost.
      this.ready = new Promise((resolve, reject) => {
        const { document: page } = this.frame.contentWindow;
        const script = page.createElement("script");
        script.src = url;
        script.onload = resolve;
        script.onerror = reject;
        // A worker's own postMessage goes to the page that made it.
        const send = page.createElement("script");
        send.textContent = 'postMessage = (data) => parent.postMessage(data, "*")';
        page.body.append(send, script);
      });
    }

    postMessage(data) {
      this.ready.then(() => this.frame.contentWindow.dispatchEvent(new MessageEvent("message", { data })));
    }

    terminate() {
      this.frame.remove();
    }
  };
}
