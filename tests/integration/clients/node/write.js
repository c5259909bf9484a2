// node write.js <broker> <topic> <key>: writes what it reads from standard input as one record.
const { readFileSync } = require("node:fs");
const { Kafka, logLevel } = require("kafkajs");

const [broker, topic, key] = process.argv.slice(2);
const kafka = new Kafka({ clientId: "writer", brokers: [broker], logLevel: logLevel.WARN });
const producer = kafka.producer();

(async () => {
  await producer.connect();
  await producer.send({ topic, acks: -1, messages: [{ key, value: readFileSync(0) }] });
  await producer.disconnect();
})();
