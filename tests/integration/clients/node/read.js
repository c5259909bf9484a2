// node read.js <topic> <count> <group>: prints so many records from the topic's beginning, a line of JSON each.
const { Kafka, logLevel } = require("kafkajs");

const [topic, count, groupId] = process.argv.slice(2);
const { KAFKA_BROKERS, KAFKA_USER: username, KAFKA_PASSWORD: password } = process.env;
const sasl = { mechanism: "scram-sha-512", username, password };
const kafka = new Kafka({ clientId: "reader", brokers: KAFKA_BROKERS.split(","), sasl, logLevel: logLevel.WARN });
const consumer = kafka.consumer({ groupId });
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
