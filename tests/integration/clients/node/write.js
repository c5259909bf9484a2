// node write.js <topic> <key>: writes what it reads from standard input as one record.
const { readFileSync } = require("node:fs");
const { Kafka, logLevel } = require("kafkajs");

const [topic, key] = process.argv.slice(2);
const { KAFKA_BROKERS, KAFKA_USER: username, KAFKA_PASSWORD: password } = process.env;
const sasl = { mechanism: "scram-sha-512", username, password };
const kafka = new Kafka({ clientId: "writer", brokers: KAFKA_BROKERS.split(","), sasl, logLevel: logLevel.WARN });
const producer = kafka.producer();

(async () => {
  await producer.connect();
  await producer.send({ topic, acks: -1, messages: [{ key, value: readFileSync(0) }] });
  await producer.disconnect();
})();
