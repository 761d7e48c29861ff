// SharedWorker: holds the one event stream of this browser and hands its messages to every open tab. Over HTTP/1.1 a
// browser opens six connections to a host; a stream in each tab would hang the seventh.
import { Stream } from "./stream.js";

const streams = new Map();

self.onconnect = ({ ports: [port] }) => {
  const listener = (message) => port.postMessage(message);
  let stream = null;
  port.onmessage = ({ data }) => {
    if (data.kind === "follow") {
      stream = streams.get(data.address) ?? new Stream(data.address);
      streams.set(data.address, stream);
      stream.join(listener, data.place);
    } else if (data.kind === "leave") {
      stream?.leave(listener);
    }
  };
};
