import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;

import org.apache.kafka.common.Uuid;
import org.apache.kafka.common.compress.Compression;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.internals.RecordHeader;
import org.apache.kafka.common.message.*;
import org.apache.kafka.common.metadata.*;
import org.apache.kafka.common.protocol.ApiMessage;
import org.apache.kafka.common.protocol.ByteBufferAccessor;
import org.apache.kafka.common.protocol.MessageUtil;
import org.apache.kafka.common.protocol.ObjectSerializationCache;
import org.apache.kafka.common.record.TimestampType;
import org.apache.kafka.common.record.internal.*;
import org.apache.kafka.common.record.internal.Record;
import org.apache.kafka.common.utils.BufferSupplier;
import org.apache.kafka.common.utils.ByteUtils;
import org.apache.kafka.common.utils.Utils;
import org.apache.kafka.metadata.MetadataRecordSerde;
import org.apache.kafka.server.common.ApiMessageAndVersion;

/** Writes the fixtures of this directory with Apache Kafka's own classes. See README.md. */
public class Golden {
    private static final String TEXT = "to be or not to be, that is the question; ".repeat(20);
    private static Path directory;

    public static void main(String[] args) throws Exception {
        directory = Path.of(args[0]);
        batches();
        controlBatches();
        compaction();
        metadata();
        numbers();
        messages();
    }

    private static void batches() throws Exception {
        for (String codec : List.of("none", "gzip", "snappy", "lz4", "zstd")) {
            MemoryRecordsBuilder builder = MemoryRecords.builder(ByteBuffer.allocate(8192), (byte) 2,
                Compression.of(codec).build(), TimestampType.CREATE_TIME, 0, -1, -1, (short) -1, -1, false, -1);
            file("batch-" + codec + ".bin", fill(builder).buffer());
        }
        file("batch-transactional.bin", transactional().buffer());
        MemoryRecordsBuilder stamped = MemoryRecords.builder(ByteBuffer.allocate(8192), (byte) 2, Compression.NONE,
            TimestampType.LOG_APPEND_TIME, 0, 7777, -1, (short) -1, -1, false, -1);
        file("batch-log-append-time.bin", fill(stamped).buffer());
    }

    private static MemoryRecords transactional() {
        return fill(MemoryRecords.builder(ByteBuffer.allocate(8192), (byte) 2, Compression.NONE,
            TimestampType.CREATE_TIME, 10, -1, 4000, (short) 5, Integer.MAX_VALUE - 1, true, 3));
    }

    /** The four records that every batch here holds. */
    private static MemoryRecords fill(MemoryRecordsBuilder builder) {
        byte[] sevens = new byte[300];
        java.util.Arrays.fill(sevens, (byte) 7);
        Header[] headers = {header("a", "1"), header("a", "2"), header("", null)};
        builder.append(1000, bytes("k"), bytes("v"));
        builder.append(900, (byte[]) null, null, headers);
        builder.append(5000, bytes(""), sevens);
        builder.append(5000, bytes("again"), bytes(TEXT));
        return builder.build();
    }

    private static void controlBatches() throws Exception {
        for (ControlRecordType type : List.of(ControlRecordType.ABORT, ControlRecordType.COMMIT)) {
            EndTransactionMarker marker = new EndTransactionMarker(type, 9);
            MemoryRecords records = MemoryRecords.withEndTransactionMarker(0, 55, -1, 4000, (short) 5, marker);
            file("control-" + type.name().toLowerCase() + ".bin", records.buffer());
        }
        LeaderChangeMessage message = new LeaderChangeMessage().setVersion((short) 0).setLeaderId(1)
            .setVoters(List.of(voter(1), voter(2))).setGrantingVoters(List.of(voter(1)));
        MemoryRecords records = MemoryRecords.withLeaderChangeMessage(40, 55, 3, ByteBuffer.allocate(256), message);
        file("control-leader-change.bin", records.buffer());
    }

    private static LeaderChangeMessage.Voter voter(int id) {
        return new LeaderChangeMessage.Voter().setVoterId(id);
    }

    /** The transactional batch cleaned in three ways; keeping the tombstone at offset 11 fixes a delete horizon. */
    private static void compaction() throws Exception {
        file("compacted-10-13.bin", filter(List.of(10L, 13L)));
        file("compacted-11-13.bin", filter(List.of(11L, 13L)));
        file("compacted-empty.bin", filter(List.of()));
    }

    private static ByteBuffer filter(List<Long> keep) {
        MemoryRecords.RecordFilter filter = new MemoryRecords.RecordFilter(1_000_000, 86_400_000) {
            @Override
            protected BatchRetentionResult checkBatchRetention(RecordBatch batch) {
                return new BatchRetentionResult(BatchRetention.RETAIN_EMPTY, false);
            }

            @Override
            protected boolean shouldRetainRecord(RecordBatch batch, Record record) {
                return keep.contains(record.offset());
            }
        };
        ByteBuffer out = ByteBuffer.allocate(8192);
        ByteBuffer result = transactional().filterTo(filter, out, BufferSupplier.NO_CACHING).outputBuffer();
        result.flip();
        return result;
    }

    private static void metadata() throws Exception {
        Uuid topic = new Uuid(1, 2);
        List<String> lines = new ArrayList<>();
        metadata(lines, 0, new TopicRecord().setName("words").setTopicId(topic));
        PartitionRecord partition = new PartitionRecord().setPartitionId(3).setTopicId(topic)
            .setReplicas(List.of(1, 2)).setIsr(List.of(1)).setRemovingReplicas(List.of())
            .setAddingReplicas(List.of(2)).setLeader(1).setLeaderEpoch(4).setPartitionEpoch(5);
        metadata(lines, 0, partition.duplicate());
        metadata(lines, 0, partition.duplicate().setLeaderRecoveryState((byte) 1));
        metadata(lines, 1, partition.duplicate().setDirectories(List.of(new Uuid(0, 7), new Uuid(0, 8))));
        metadata(lines, 0, new ConfigRecord().setResourceType((byte) 2).setResourceName("words")
            .setName("cleanup.policy").setValue("compact"));
        metadata(lines, 0, new ConfigRecord().setResourceType((byte) 4).setResourceName("").setName("x").setValue(null));
        metadata(lines, 0, new PartitionChangeRecord().setPartitionId(3).setTopicId(topic).setLeader(-1)
            .setIsr(List.of(1, 2)));
        metadata(lines, 1, new PartitionChangeRecord().setPartitionId(3).setTopicId(topic).setReplicas(List.of(9))
            .setRemovingReplicas(List.of()).setAddingReplicas(List.of(9)).setLeaderRecoveryState((byte) 0)
            .setDirectories(List.of(new Uuid(0, 7))));
        metadata(lines, 0, new RemoveTopicRecord().setTopicId(topic));
        metadata(lines, 0, new FeatureLevelRecord().setName("metadata.version").setFeatureLevel((short) 27));
        metadata(lines, 0, new ProducerIdsRecord().setBrokerId(1).setBrokerEpoch(8).setNextProducerId(2000));
        metadata(lines, 0, new NoOpRecord());
        metadata(lines, 0, new BeginTransactionRecord().setName("bootstrap"));
        metadata(lines, 0, new BeginTransactionRecord());
        metadata(lines, 0, new EndTransactionRecord());
        metadata(lines, 0, new AbortTransactionRecord().setReason("no"));
        metadata(lines, 0, new FenceBrokerRecord().setId(1).setEpoch(2));
        Files.write(directory.resolve("metadata.txt"), lines);
    }

    private static void metadata(List<String> lines, int version, ApiMessage record) {
        ApiMessageAndVersion message = new ApiMessageAndVersion(record, (short) version);
        MetadataRecordSerde serde = new MetadataRecordSerde();
        ObjectSerializationCache cache = new ObjectSerializationCache();
        ByteBuffer buffer = ByteBuffer.allocate(serde.recordSize(message, cache));
        serde.write(message, cache, new ByteBufferAccessor(buffer));
        buffer.flip();
        lines.add(record.getClass().getSimpleName() + " " + version + " " + hex(buffer));
    }

    private static void numbers() throws Exception {
        Random random = new Random(42);
        List<String> hashes = new ArrayList<>();
        List<String> varints = new ArrayList<>();
        for (int i = 0; i < 64; i++) {
            byte[] key = new byte[i];
            random.nextBytes(key);
            int partition = Utils.toPositive(Utils.murmur2(key)) % 7;
            hashes.add("x" + hex(ByteBuffer.wrap(key)) + " " + Utils.murmur2(key) + " " + partition);
            long number = random.nextLong() >> i;
            ByteBuffer out = ByteBuffer.allocate(10);
            ByteUtils.writeVarlong(number, out);
            out.flip();
            varints.add(number + " " + hex(out));
        }
        Files.write(directory.resolve("murmur2.txt"), hashes);
        Files.write(directory.resolve("varlong.txt"), varints);
    }

    /** Messages with their tagged fields and nullable structs set, for the walk. */
    private static void messages() throws Exception {
        List<String> lines = new ArrayList<>();
        ProduceRequestData produce = new ProduceRequestData().setTransactionalId("t").setAcks((short) -1);
        produce.topicData().add(new ProduceRequestData.TopicProduceData().setName("words").setPartitionData(List.of(
            new ProduceRequestData.PartitionProduceData().setIndex(1).setRecords(transactional()))));
        message(lines, "request", 3, produce);
        message(lines, "request", 9, produce);
        FetchResponseData fetch = new FetchResponseData().setSessionId(7).setResponses(List.of(
            new FetchResponseData.FetchableTopicResponse().setTopicId(new Uuid(1, 2)).setPartitions(List.of(
                new FetchResponseData.PartitionData().setPartitionIndex(1).setHighWatermark(14)
                    .setDivergingEpoch(new FetchResponseData.EpochEndOffset().setEpoch(3).setEndOffset(9))
                    .setCurrentLeader(new FetchResponseData.LeaderIdAndEpoch().setLeaderId(2).setLeaderEpoch(4))
                    .setAbortedTransactions(List.of(new FetchResponseData.AbortedTransaction().setProducerId(4000)))
                    .setRecords(transactional())))));
        fetch.nodeEndpoints().add(new FetchResponseData.NodeEndpoint().setNodeId(2).setHost("h").setPort(9092));
        message(lines, "response", 17, fetch);
        JoinGroupRequestData join = new JoinGroupRequestData().setGroupId("g").setMemberId("").setProtocolType("consumer")
            .setGroupInstanceId("i").setReason("because");
        join.protocols().add(new JoinGroupRequestData.JoinGroupRequestProtocol().setName("range").setMetadata(bytes("m")));
        message(lines, "request", 5, join.duplicate().setReason(null));
        message(lines, "request", 9, join);
        ApiVersionsResponseData versions = new ApiVersionsResponseData().setZkMigrationReady(true);
        versions.apiKeys().add(new ApiVersionsResponseData.ApiVersion().setApiKey((short) 1).setMaxVersion((short) 2));
        versions.supportedFeatures().add(new ApiVersionsResponseData.SupportedFeatureKey().setName("metadata.version"));
        message(lines, "response", 3, versions);
        DescribeTopicPartitionsResponseData described = new DescribeTopicPartitionsResponseData();
        message(lines, "response", 0, described.duplicate());
        message(lines, "response", 0, described.setNextCursor(
            new DescribeTopicPartitionsResponseData.Cursor().setTopicName("words").setPartitionIndex(2)));
        message(lines, "request", 0, new StreamsGroupHeartbeatRequestData().setGroupId("g").setMemberId("m")
            .setTopology(new StreamsGroupHeartbeatRequestData.Topology().setEpoch(1).setSubtopologies(List.of(
                new StreamsGroupHeartbeatRequestData.Subtopology().setSubtopologyId("0")
                    .setSourceTopics(List.of("words"))))));
        Files.write(directory.resolve("messages.txt"), lines);
    }

    private static void message(List<String> lines, String kind, int version, ApiMessage message) {
        ByteBuffer bytes = MessageUtil.toByteBufferAccessor(message, (short) version).buffer();
        lines.add(kind + " " + message.apiKey() + " " + version + " " + hex(bytes));
    }

    private static Header header(String name, String value) {
        return new RecordHeader(name, value == null ? null : bytes(value));
    }

    private static byte[] bytes(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }

    private static void file(String name, ByteBuffer buffer) throws Exception {
        byte[] content = new byte[buffer.remaining()];
        buffer.duplicate().get(content);
        Files.write(directory.resolve(name), content);
    }

    private static String hex(ByteBuffer buffer) {
        StringBuilder out = new StringBuilder();
        for (int at = buffer.position(); at < buffer.limit(); at++) {
            out.append(String.format("%02x", buffer.get(at)));
        }
        return out.toString();
    }
}
