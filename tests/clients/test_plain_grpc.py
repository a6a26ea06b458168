"""A program that knows nothing but proto/: it produces and consumes over plain gRPC."""

import pathlib
import re
import time
import unittest

import grpc
from google.rpc import error_details_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase
from grpc_status import rpc_status
from strandline.v1 import cluster_pb2, cluster_pb2_grpc, common_pb2, consumer_pb2, consumer_pb2_grpc
from strandline.v1 import producer_pb2, producer_pb2_grpc, topic_pb2, topic_pb2_grpc

from broker import Broker

CODECS = common_pb2.Compression.values()
README = pathlib.Path(__file__).parents[2] / "README.md"


def awkward_records():
    """Records with everything that may get lost on the way."""
    header, record = common_pb2.Header, common_pb2.Record
    return [
        record(key=b"k", value=b"v", timestamp_ms=1_700_000_000_000),
        record(value=b"without a key"),
        record(key=b"without a value"),
        record(),
        record(key=b"", value=b""),
        record(key=bytes(range(256)), value=b"\xff\x00" * 5_000),
        record(
            value=b"headers",
            headers=[
                header(key=b"twice", value=b"1"),
                header(key=b"null"),
                header(key=b"twice", value=b"2"),
                header(key=b"twice", value=b"1"),
                header(key=b"", value=b""),
            ],
        ),
    ]


def essence(record):
    """What must come out as it went in; None is null."""
    value_of = lambda message, field: getattr(message, field) if message.HasField(field) else None
    headers = [(header.key, value_of(header, "value")) for header in record.headers]
    return value_of(record, "key"), value_of(record, "value"), headers


class PlainGrpc(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.broker = Broker()
        cls.addClassCleanup(cls.broker.close)
        cls.channel = grpc.insecure_channel(cls.broker.grpc)
        cls.addClassCleanup(cls.channel.close)
        cls.producer = producer_pb2_grpc.ProducerStub(cls.channel)
        cls.consumer = consumer_pb2_grpc.ConsumerStub(cls.channel)
        cls.topic = topic_pb2_grpc.TopicStub(cls.channel)

    def batch(self, topic, records, codec=0, partition=0):
        plain = producer_pb2.PlainRecords(records=records, compression=codec)
        return producer_pb2.ProduceBatch(topic=topic, partition=partition, records=plain)

    def produce(self, *batches):
        response = self.producer.Produce(producer_pb2.ProduceRequest(batches=batches), timeout=30)
        for result in response.results:
            self.assertFalse(result.HasField("error"), result)
        return list(response.results)

    def fetch(self, topic, offset=0, format=consumer_pb2.RECORD_FORMAT_PLAIN, **settings):
        place = consumer_pb2.FetchPartition(topic=topic, partition=0, offset=offset)
        request = consumer_pb2.FetchRequest(partitions=[place], format=format, **settings)
        return self.consumer.Fetch(request, timeout=60).results[0]

    def read_all(self, topic):
        """Every record, however many fetches it takes."""
        found, offset = [], 0
        while True:
            result = self.fetch(topic, offset)
            self.assertFalse(result.HasField("error"), result)
            found.extend(result.records)
            offset = result.next_offset
            if offset >= result.high_watermark:
                return found

    def test_records_come_out_as_they_went_in_with_each_codec(self):
        sent = awkward_records()
        for codec in CODECS:
            with self.subTest(codec=common_pb2.Compression.Name(codec)):
                topic = f"awkward-{codec}"
                before = int(time.time() * 1000)
                [result] = self.produce(self.batch(topic, sent, codec))
                self.assertEqual((result.base_offset, result.records), (0, len(sent)))
                self.assertEqual(result.durability, common_pb2.DURABILITY_FSYNC)
                read = self.read_all(topic)
                self.assertEqual([essence(record) for record in read], [essence(record) for record in sent])
                self.assertEqual([record.offset for record in read], list(range(len(sent))))
                self.assertEqual(read[0].timestamp_ms, 1_700_000_000_000)
                self.assertGreaterEqual(read[1].timestamp_ms, before - 1_000)

    def test_stored_batches_pass_through_untouched(self):
        for codec in CODECS:
            with self.subTest(codec=common_pb2.Compression.Name(codec)):
                self.produce(self.batch(f"from-{codec}", awkward_records(), codec))
                encoded = b"".join(self.fetch(f"from-{codec}", format=consumer_pb2.RECORD_FORMAT_ENCODED).batches)
                self.assertEqual(encoded[16], 2, "the magic of a RecordBatch")
                self.assertEqual(encoded[22] & 7, codec, "the codec is in its attributes")
                copy = producer_pb2.ProduceBatch(topic=f"to-{codec}", partition=0, encoded=encoded)
                self.produce(copy)
                again = b"".join(self.fetch(f"to-{codec}", format=consumer_pb2.RECORD_FORMAT_ENCODED).batches)
                self.assertEqual(again[17:], encoded[17:], "what the CRC covers, and the CRC")
                read, expected = self.read_all(f"to-{codec}"), awkward_records()
                self.assertEqual([essence(record) for record in read], [essence(record) for record in expected])

    def test_a_stream_answers_every_batch_in_order(self):
        count = 500
        requests = (
            producer_pb2.ProduceStreamRequest(batch=self.batch("streamed", [common_pb2.Record(value=b"%d" % number)]))
            for number in range(count)
        )
        results = [result for answer in self.producer.ProduceStream(requests, timeout=60) for result in answer.results]
        self.assertEqual([result.batch for result in results], list(range(count)))
        self.assertEqual([result.base_offset for result in results], list(range(count)))
        self.assertEqual([record.value for record in self.read_all("streamed")], [b"%d" % n for n in range(count)])

    def test_a_batch_with_a_sequence_is_written_once_however_often_it_is_sent(self):
        producer = self.producer.InitProducer(producer_pb2.InitProducerRequest(), timeout=30)

        def send(base_sequence):
            sequence = common_pb2.ProducerSequence(
                producer_id=producer.producer_id, epoch=producer.epoch, base_sequence=base_sequence
            )
            records = [common_pb2.Record(value=b"%d" % base_sequence)]
            batch = self.batch("once", records)
            batch.records.sequence.CopyFrom(sequence)
            [result] = self.produce(batch)
            return result.base_offset, result.duplicate

        self.assertEqual([send(0), send(1), send(0), send(1), send(2)], [(0, False), (1, False), (0, True), (1, True), (2, False)])
        self.assertEqual(len(self.read_all("once")), 3)

    def test_a_long_poll_answers_when_a_record_comes(self):
        self.topic.CreateTopic(topic_pb2.CreateTopicRequest(name="polled"), timeout=30)
        place = consumer_pb2.FetchPartition(topic="polled", partition=0, offset=0)
        request = consumer_pb2.FetchRequest(partitions=[place], max_wait_ms=30_000)
        began = time.monotonic()
        waiting = self.consumer.Fetch.future(request, timeout=60)
        self.assertFalse(waiting.done())
        self.produce(self.batch("polled", [common_pb2.Record(value=b"at last")]))
        self.assertEqual(waiting.result().results[0].records[0].value, b"at last")
        self.assertLess(time.monotonic() - began, 20)
        self.assertEqual(len(self.fetch("polled", 1, max_wait_ms=100).records), 0)

    def test_a_subscription_delivers_as_far_as_its_credit_goes(self):
        for number in range(20):
            self.produce(self.batch("subscribed", [common_pb2.Record(value=b"x" * 1_000)]))
        place = consumer_pb2.FetchPartition(topic="subscribed", partition=0, offset=0)
        start = consumer_pb2.SubscribeStart(partitions=[place], credit_bytes=1)

        def requests():
            yield consumer_pb2.SubscribeRequest(start=start)
            while len(read) < 20:
                yield consumer_pb2.SubscribeRequest(credit_bytes=5_000)
                time.sleep(0.02)

        read = []
        answers = self.consumer.Subscribe(requests(), timeout=60)
        for answer in answers:
            read.extend(record.offset for result in answer.results for record in result.records)
            if len(read) >= 20:
                break
        answers.cancel()
        self.assertEqual(read, list(range(20)))

    def test_offsets_are_found_by_position_and_by_time(self):
        base = 1_700_000_000_000
        records = [common_pb2.Record(value=b"x", timestamp_ms=base + number * 1_000) for number in range(5)]
        for record in records:
            self.produce(self.batch("timed", [record]))
        query = lambda **position: consumer_pb2.OffsetQuery(topic="timed", partition=0, **position)
        queries = [
            query(earliest=consumer_pb2.Earliest()),
            query(latest=consumer_pb2.Latest()),
            query(timestamp_ms=base + 1_500),
            query(timestamp_ms=base + 99_000),
        ]
        answer = self.consumer.ListOffsets(consumer_pb2.ListOffsetsRequest(queries=queries), timeout=30)
        found = [result.offset if result.HasField("offset") else None for result in answer.results]
        self.assertEqual(found, [0, 5, 2, None])

    def test_errors_carry_a_reason_and_facts(self):
        with self.assertRaises(grpc.RpcError) as caught:
            self.topic.GetTopic(topic_pb2.GetTopicRequest(name="missing"), timeout=30)
        self.assertEqual(caught.exception.code(), grpc.StatusCode.NOT_FOUND)
        info = self.error_info(caught.exception)
        self.assertEqual((info.domain, info.reason), ("strandline", "UNKNOWN_TOPIC"))
        self.assertEqual(info.metadata["topic"], "missing")

        self.produce(self.batch("short", [common_pb2.Record(value=b"x")]))
        error = self.fetch("short", 7).error
        self.assertEqual(error.reason, "OFFSET_ABOVE_LOG_END")
        self.assertEqual(error.code, grpc.StatusCode.OUT_OF_RANGE.value[0])
        self.assertIn("7", error.message)

        broken = bytearray(b"".join(self.fetch("short", format=consumer_pb2.RECORD_FORMAT_ENCODED).batches))
        broken[-1] ^= 1
        batch = producer_pb2.ProduceBatch(topic="short", partition=0, encoded=bytes(broken))
        [result] = self.producer.Produce(producer_pb2.ProduceRequest(batches=[batch]), timeout=30).results
        self.assertEqual(result.error.reason, "CORRUPT_BATCH")
        self.assertEqual(len(self.read_all("short")), 1)

    def error_info(self, error):
        [detail] = [d for d in rpc_status.from_call(error).details if d.Is(error_details_pb2.ErrorInfo.DESCRIPTOR)]
        info = error_details_pb2.ErrorInfo()
        detail.Unpack(info)
        return info

    def test_health_and_reflection_are_the_standard_ones(self):
        health = health_pb2_grpc.HealthStub(self.channel)
        answer = health.Check(health_pb2.HealthCheckRequest(), timeout=30)
        self.assertEqual(answer.status, health_pb2.HealthCheckResponse.SERVING)
        services = set(ProtoReflectionDescriptorDatabase(self.channel).get_services())
        expected = {f"strandline.v1.{name}" for name in ["Producer", "Consumer", "Topic", "Cluster"]}
        self.assertLessEqual(expected, services)

    def test_the_cluster_tells_its_message_limit(self):
        cluster = cluster_pb2_grpc.ClusterStub(self.channel)
        answer = cluster.DescribeCluster(cluster_pb2.DescribeClusterRequest(), timeout=30)
        self.assertEqual(answer.message_bytes_max, 16 << 20)
        self.assertEqual([broker.grpc_address for broker in answer.brokers], [self.broker.grpc])

    def test_the_readmes_program_runs_as_it_stands(self):
        programs = re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL)
        self.assertTrue(programs, "the README shows a Python program")
        for program in programs:
            program = program.replace("127.0.0.1:7700", self.broker.grpc)
            exec(compile(program, str(README), "exec"), {"__name__": "__main__"})


if __name__ == "__main__":
    unittest.main()
