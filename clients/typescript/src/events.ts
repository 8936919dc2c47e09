/** One server-sent event (https://html.spec.whatwg.org/multipage/server-sent-events.html). */
export interface ServerEvent {
  id: string;
  kind: string;
  data: string;
}

/** Parses a stream of server-sent events; an event that is cut off is dropped. */
export class EventParser {
  #rest = "";
  #data: string[] = [];
  #kind = "";
  #decoder = new TextDecoder();

  constructor(
    /** Id of the latest complete event. */
    public lastId = "",
  ) {}

  /** The events that a piece of the stream completes. */
  *feed(piece: Uint8Array): Generator<ServerEvent> {
    this.#rest += this.#decoder.decode(piece, { stream: true });
    for (;;) {
      const end = /\r\n|\n|\r(?!$)/.exec(this.#rest);
      if (end === null) return;
      const line = this.#rest.slice(0, end.index);
      this.#rest = this.#rest.slice(end.index + end[0].length);
      const event = this.#line(line);
      if (event !== undefined) yield event;
    }
  }

  #id = "";

  #line(line: string): ServerEvent | undefined {
    if (line === "") {
      const event = { id: this.#id, kind: this.#kind || "message", data: this.#data.join("\n") };
      const isEmpty = this.#data.length === 0;
      this.#data = [];
      this.#kind = "";
      if (isEmpty) return undefined;
      this.lastId = event.id;
      return event;
    }
    const colon = line.indexOf(":");
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
    if (field === "data") this.#data.push(value);
    else if (field === "event") this.#kind = value;
    else if (field === "id" && !value.includes("\0")) this.#id = value;
    return undefined;
  }
}
