// The worker as promises.

/** What the worker says once it can hear. */
export const LOADED = 0;

/** @typedef {{resolve: (value: any) => void, reject: (reason: Error) => void}} Waiting */

export class Client {
  #worker = startWorker();
  #next = 1;
  /** @type {Map<number, Waiting>} */
  #waiting = new Map();
  #loaded = this.#answer(LOADED);

  constructor() {
    this.#worker.addEventListener("message", ({ data: { id, answer, error, tookMs } }) => {
      const waiting = this.#waiting.get(id);
      this.#waiting.delete(id);
      if (error === undefined) waiting?.resolve({ ...answer, tookMs });
      else waiting?.reject(new Error(error));
    });
    this.#worker.addEventListener("error", (event) => {
      const error = new Error(event.message ?? "its worker cannot be loaded");
      for (const { reject } of this.#waiting.values()) reject(error);
      this.#waiting.clear();
    });
  }

  /**
   * Asks the worker; see its doors.
   * @param {string} door @param {object} call @param {Transferable[]} [handed] over with it
   * @returns {Promise<any>}
   */
  async ask(door, call, handed = []) {
    await this.#loaded; // the worker hears nothing before
    const id = this.#next++;
    const answer = this.#answer(id);
    this.#worker.postMessage({ id, door, call }, handed);
    return answer;
  }

  /** No more is to be asked. */
  end() {
    this.#worker.terminate();
  }

  /** @param {number} id of a question @returns {Promise<any>} */
  #answer(id) {
    return new Promise((resolve, reject) => this.#waiting.set(id, { resolve, reject }));
  }
}

/**
 * The worker, bound by the page's own rules: one that comes from a file would have those of the
 * file's headers, which a static host does not send.
 */
function startWorker() {
  const url = new URL("./worker.js", import.meta.url).href;
  // called, because Firefox keeps none of what such a worker imports by a statement for offline use
  const start = `import(${JSON.stringify(url)}).catch((error) => reportError(error));`;
  const source = new Blob([start], { type: "text/javascript" });
  return new Worker(URL.createObjectURL(source), { type: "module" });
}
