// node read.js <broker> <topic> <count>: prints so many records from the topic's beginning, a line of JSON each.
const { Kafka, logLevel } = require("kafkajs");

const [broker, topic, count] = process.argv.slice(2);
const kafka = new Kafka({ clientId: "reader", brokers: [broker], logLevel: logLevel.WARN });
const consumer = kafka.consumer({ groupId: `kafkajs-${topic}-${process.pid}` });
let left = Number(count);

const textOf = ([name, value]) => [name, value.toString()];

(async () => {
  await consumer.connect();
  await consumer.subscribe({ topics: [topic], fromBeginning: true });
  await consumer.run({
    eachMessage: async ({ message }) => {
      const headers = Object.fromEntries(Object.entries(message.headers).map(textOf));
      console.log(JSON.stringify({ key: message.key.toString(), headers, payload: message.value.toString() }));
      left -= 1;
      if (left === 0) setImmediate(() => consumer.disconnect());
    },
  });
})();
