import java.io.*;
import java.nio.charset.StandardCharsets;
import java.nio.file.*;
import java.time.*;
import java.util.*;
import org.apache.kafka.common.header.Headers;
import org.apache.kafka.common.header.internals.RecordHeaders;
import org.apache.kafka.common.serialization.*;
import org.apache.kafka.streams.*;
import org.apache.kafka.streams.errors.*;
import org.apache.kafka.streams.kstream.*;
import org.apache.kafka.streams.state.*;
import org.apache.kafka.streams.test.TestRecord;

/**
 * Reads programs with their inputs and writes them with what Kafka Streams says of each: standard input to standard output, so
 * what has been written can be read again, to see whether Kafka Streams still says so. It is run here, by
 * ../../../benches/peers/peers run . Oracle <../data/programs.txt, or ../data/cases.txt; ../data/random.txt.gz is what it says of
 * ../../../benches/peers/peers run . Generate 3 600, compressed by gzip -9n.
 *
 * A program is "program NAME" (one of Programs.java), or its "op" lines (see Operators.java), perhaps after a remark with "#",
 * all of it before anything else; then lines "in TOPIC KEY|VALUE|TIME|HEADERS" and "clock MILLISECONDS"; "====" ends it. Said of
 * it is the topology's text; the dialogue with TopologyTestDriver, to which every topic adds "out" lines, changelogs and
 * repartition topics included; what the stores hold at the end, and how many records were dropped; then, after "optimised", the
 * text and the dialogue with all optimisations, or "same" for each that is the same. A program that cannot be built or run
 * "fails" there.
 */
class Oracle {
    public static void main(String[] arguments) throws Exception {
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        PrintStream out = new PrintStream(new FileOutputStream(FileDescriptor.out), false, StandardCharsets.UTF_8);
        // Kafka's own operator print, and its log, write there.
        System.setOut(new PrintStream(OutputStream.nullOutputStream()));
        // RocksDB writes much for so little, of which nothing is to last.
        Path memory = Path.of("/dev/shm");
        Path states = Files.isDirectory(memory) ? Files.createTempDirectory(memory, "oracle") : Files.createTempDirectory("oracle");
        List<String> lines = new ArrayList<>();
        for (String line; (line = in.readLine()) != null; ) {
            lines.add(line);
            if (!line.equals("====")) continue;
            out.print(answer(lines, states));
            lines.clear();
        }
        out.flush();
        delete(states);
        System.exit(0);
    }

    static void delete(Path folder) throws IOException {
        if (!Files.exists(folder)) return;
        try (var left = Files.walk(folder)) { left.sorted(Comparator.reverseOrder()).forEach(path -> path.toFile().delete()); }
    }

    static String answer(List<String> lines, Path states) throws IOException {
        List<String> program = new ArrayList<>(), steps = new ArrayList<>();
        StringBuilder text = new StringBuilder();
        for (String line : lines) {
            if (line.equals("optimised")) break;
            if (line.startsWith("# ")) text.append(line).append('\n');
            if (line.startsWith("program ") || line.startsWith("op ")) program.add(line);
            if (line.startsWith("in ") || line.startsWith("clock ")) steps.add(line);
        }
        for (String line : program) text.append(line).append('\n');
        String[] plain = run(program, steps, false, states), optimised = run(program, steps, true, states);
        delete(states);
        text.append(plain[0]).append(plain[1]).append("optimised\n");
        for (int i = 0; i < 2; i++) text.append(optimised[i].equals(plain[i]) ? "same\n" : optimised[i]);
        return text.append("====\n").toString();
    }

    static int runs;

    /** The text of the topology, and the dialogue. */
    static String[] run(List<String> program, List<String> steps, boolean optimised, Path states) {
        Properties config = new Properties();
        config.put(StreamsConfig.APPLICATION_ID_CONFIG, "app");
        config.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, "none:1");
        // One each: a driver that has failed keeps its lock.
        config.put(StreamsConfig.STATE_DIR_CONFIG, states.resolve("" + runs++).toString());
        config.put(StreamsConfig.TOPOLOGY_OPTIMIZATION_CONFIG, optimised ? StreamsConfig.OPTIMIZE : StreamsConfig.NO_OPTIMIZATION);
        config.put(StreamsConfig.InternalConfig.EMIT_INTERVAL_MS_KSTREAMS_WINDOWED_AGGREGATION, 0L);
        // RocksDB takes ten times as long; only of windows do the stores not agree on what has expired.
        if (program.stream().noneMatch(line -> line.startsWith("op w_"))) {
            config.put(StreamsConfig.DSL_STORE_SUPPLIERS_CLASS_CONFIG, BuiltInDslStoreSuppliers.InMemoryDslStoreSuppliers.class);
        }
        // Kafka Streams has this right only if asked: else a repartition topic goes above processors that change what it holds.
        config.put(TopologyConfig.InternalConfig.ENABLE_PROCESS_PROCESSVALUE_FIX, true);
        Topology topology;
        try {
            StreamsBuilder builder = new StreamsBuilder(new TopologyConfig(new StreamsConfig(config)));
            topology = program.get(0).startsWith("program ") ? Programs.draw(program.get(0).substring(8), builder, config) : new Operators(builder).draw(program, config);
        } catch (StreamsException | IllegalArgumentException x) {
            System.err.println(program + " fails: " + x.getMessage());
            return new String[] {"", "fails\n"};
        }
        StringBuilder dialogue = new StringBuilder();
        try (TopologyTestDriver driver = new TopologyTestDriver(topology, config, Instant.EPOCH)) {
            for (String step : steps) {
                dialogue.append(step).append('\n');
                take(driver, step);
                drain(driver, dialogue);
            }
            for (String store : new TreeSet<>(driver.getAllStateStores().keySet())) {
                for (String entry : Contents.entries(driver, store)) dialogue.append("store ").append(store).append(' ').append(entry).append('\n');
            }
            dialogue.append("dropped ").append(dropped(driver)).append('\n');
        } catch (Exception x) {
            System.err.println(program + " fails: " + x);
            dialogue.append("fails\n");
        }
        return new String[] {topology.describe().toString(), dialogue.toString()};
    }

    static void take(TopologyTestDriver driver, String step) {
        if (step.startsWith("clock ")) {
            driver.advanceWallClockTime(Duration.ofMillis(Long.parseLong(step.substring(6))));
            return;
        }
        String[] words = step.split(" ", 3), record = words[2].split("\\|", -1);
        Headers headers = new RecordHeaders();
        if (record.length > 3) for (String header : record[3].split(";")) {
            int at = header.indexOf('=');
            headers.add(at < 0 ? header : header.substring(0, at), at < 0 ? null : header.substring(at + 1).getBytes());
        }
        driver.createInputTopic(words[1], new StringSerializer(), new StringSerializer())
            .pipeInput(new TestRecord<>(nullable(record[0]), nullable(record[1]), headers, Long.parseLong(record[2])));
    }

    static String nullable(String text) { return text.equals("null") ? null : text; }

    static void drain(TopologyTestDriver driver, StringBuilder dialogue) {
        for (String topic : new TreeSet<>(driver.producedTopicNames())) {
            var output = driver.createOutputTopic(topic, new ByteArrayDeserializer(), new ByteArrayDeserializer());
            String name = topic.startsWith("app-") ? topic.substring(4) : topic;
            while (!output.isEmpty()) {
                var record = output.readRecord();
                dialogue.append("out ").append(name).append(' ').append(show(record.key())).append('|').append(show(record.value()))
                    .append('|').append(record.timestamp()).append(show(record.headers())).append('\n');
            }
        }
    }

    /** A null, a number of eight bytes with its sign "#", or text in which whatever is not plain is "\" and two digits. */
    static String show(byte[] bytes) {
        if (bytes == null) return "null";
        if (bytes.length == 8 && bytes[0] == 0) return "#" + new LongDeserializer().deserialize("", bytes);
        StringBuilder text = new StringBuilder();
        for (byte b : bytes) text.append(b < ' ' || b > '~' || b == '|' || b == '\\' ? String.format("\\%02x", b & 0xff) : "" + (char) b);
        return text.toString();
    }

    /** Nothing if there are none, else |name=value;name=value, a null without its sign. */
    static String show(Headers headers) {
        StringJoiner all = new StringJoiner(";", "|", "").setEmptyValue("");
        for (var header : headers) all.add(header.key() + (header.value() == null ? "" : "=" + new String(header.value())));
        return all.toString();
    }

    static long dropped(TopologyTestDriver driver) {
        return (long) driver.metrics().entrySet().stream().filter(metric -> metric.getKey().name().equals("dropped-records-total"))
            .mapToDouble(metric -> (Double) metric.getValue().metricValue()).sum();
    }
}
