import java.util.*;

/** Writes random programs with random inputs, out of order, for Oracle.java. Arguments: SEED COUNT. */
class Generate {
    final Random r;
    final List<String> p = new ArrayList<>();
    int streams, tables, globals, groups, windows, names, sinks;
    /** Whether keys may be missing, whether there are windows, and whether there are punctuations. */
    final boolean nullable, windowed, ticking;

    Generate(Random r) {
        this.r = r;
        windowed = r.nextInt(5) == 0;
        nullable = r.nextInt(3) == 0;
        // The driver has one stream time for all sub-topologies, so there is one topic here and nothing that sets times.
        ticking = !windowed && r.nextInt(6) == 0;
    }

    public static void main(String[] arguments) {
        Random r = new Random(Long.parseLong(arguments[0]));
        for (int n = Integer.parseInt(arguments[1]); n > 0; n--) {
            Generate program = new Generate(r);
            program.operators();
            program.inputs();
            program.p.forEach(System.out::println);
            System.out.println("====");
        }
    }

    boolean one(int of) { return r.nextInt(of) == 0; }
    void op(Object... words) { p.add("op " + String.join(" ", Arrays.stream(words).map(Object::toString).toList())); }
    String name() { return one(5) ? "name" + names++ : "-"; }
    String store() { return switch (r.nextInt(8)) { case 0, 1, 2 -> "-"; case 3 -> "+"; case 4 -> "store" + names++ + "!"; default -> "store" + names++; }; }
    String cached() { return store().replace("!", ""); }
    String drop() { return one(5) ? "drop" : "-"; }
    /** Rather a late one. */
    int of(int count) { return Math.max(r.nextInt(count), r.nextInt(count)); }

    void operators() {
        if (nullable) op("nullable");
        sources();
        for (int ops = 2 + r.nextInt(9); ops > 0; ops--) {
            if (windowed && one(2)) window();
            else if (tables > 0 && one(2)) table();
            else stream();
            if (one(4)) op("to", streams - 1, "out" + sinks++, name(), drop());
        }
        if (tables > 0) op("t_to", tables - 1, "out" + sinks++);
        op("to", streams - 1, "out" + sinks++, "-", "-");
    }

    void sources() {
        if (ticking) { op("stream", "in0", name(), "-"); op("ticks", 0, name()); streams = 2; return; }
        String times = one(5) ? "own" : "-";
        String[] source = switch (r.nextInt(8)) {
            case 0 -> new String[] {"stream", "in0,in1"};
            case 1 -> new String[] {"pattern", "in[0-3]"};
            default -> new String[] {"stream", "in0"};
        };
        for (int readings = one(4) ? 1 + r.nextInt(3) : 1; readings > 0; readings--) { op(source[0], source[1], name(), times); streams++; }
        for (int more = r.nextInt(3), i = 4; more > 0; more--, i++) {
            if (one(2)) { op("stream", "in" + i, name(), one(5) ? "own" : "-"); streams++; }
            else { op("table", "in" + i, store(), name()); tables++; }
        }
        if (one(6)) { op("global", "in9", one(2) ? "-" : "store" + names++, name()); globals++; }
    }

    void stream() {
        int at = of(streams);
        if (globals > 0 && one(3)) { op(one(2) ? "g_join" : "g_left_join", at, 0, name()); streams++; return; }
        if (tables > 0 && one(4)) { op(one(2) ? "join" : "left_join", at, of(tables), name()); streams++; return; }
        switch (r.nextInt(26)) {
            case 0 -> op("filter", at, name());
            case 1 -> op("filter_not", at, name());
            case 2 -> op("map_values", at, name());
            case 3 -> op("map_values_key", at, name());
            case 4 -> op("map", at, name());
            case 5 -> op("flat_map", at, name());
            case 6 -> op("flat_map_values", at, name());
            case 7, 8 -> op("select_key", at, name());
            case 9 -> op("peek", at, name());
            case 10, 11 -> op("merge", at, r.nextInt(streams), name());
            case 12, 13 -> { split(at); return; }
            case 14, 15 -> op("repartition", at, name(), one(3) ? "3" : "-", drop());
            case 16 -> { if (ticking) return; op("tally", at, "tally" + names++, name()); }
            case 17 -> op("stamp", at, name());
            case 18, 19 -> op("shout", at, name());
            case 20 -> { op(one(2) ? "print" : "for_each", at, name()); return; }
            case 21 -> { op("to_dynamic", at, "out" + sinks++ + "-", name(), drop()); return; }
            default -> { grouped(at); return; }
        }
        streams++;
    }

    void split(int at) {
        String prefix = one(3) ? "split" + names++ + "-" : "-";
        List<String> ways = new ArrayList<>(List.of("even", "long", "k1"));
        Collections.shuffle(ways, r);
        ways = new ArrayList<>(ways.subList(0, 1 + r.nextInt(3)));
        if (one(2)) ways.add("rest");
        op("split", at, prefix, String.join(",", ways.stream().map(way -> one(3) ? way + "=" + "way" + names++ : way).toList()));
        streams += ways.size();
    }

    void grouped(int at) {
        switch (r.nextInt(6)) {
            case 0 -> op("count", at, cached(), name());
            case 1 -> op("count_by", at, cached(), name());
            case 2 -> op("aggregate", at, cached(), name());
            case 3 -> op("reduce", at, store(), name());
            default -> op("to_table", at, store(), name());
        }
        tables++;
    }

    void table() {
        int at = of(tables);
        switch (r.nextInt(12)) {
            case 0, 1 -> op("t_filter", at, store(), name());
            case 2 -> op("t_filter_not", at, store(), name());
            case 3, 4 -> op("t_map_values", at, store(), name());
            case 5 -> op("t_count", at, store(), name(), name());
            case 6 -> op("t_reduce", at, store(), name(), name());
            case 7 -> op("t_aggregate", at, store(), name(), name());
            case 8 -> { op("t_two", at, store(), store(), name()); tables++; }
            default -> {
                if (nullable) { op("t_to", at, "out" + sinks++); return; }
                if (one(4)) op("to_stream_by", at); else op("to_stream", at, name());
                streams++;
                return;
            }
        }
        tables++;
    }

    void window() {
        op(one(2) ? "group" : "group_by", of(streams), name());
        groups++;
        long size = new long[] {1, 7_000, 10_000, 60_000, 90_000}[r.nextInt(5)];
        long advance = one(2) || size == 1 ? size : size / (1 + r.nextInt(4));
        long grace = r.nextInt(3) * r.nextInt(40_000);
        String store = one(3) ? "-" : "store" + names++;
        if (one(4)) store += ",r" + (size + grace + r.nextInt(200_000));
        String aggregation = new String[] {"w_count", "w_reduce", "w_aggregate"}[r.nextInt(3)];
        // Without a listener Kafka's cache logs the removal of what never was.
        String close = one(3) && !aggregation.equals("w_reduce") ? ",close" : "";
        op(aggregation, groups - 1, size + "," + grace + "," + advance + close, store, name());
        if (one(3)) { op("unwindow", windows); streams++; }
        else op("windows_to", windows, "out" + sinks++, size);
        windows++;
    }

    void inputs() {
        List<String[]> sources = new ArrayList<>();
        for (String line : p) {
            String[] words = line.split(" ");
            switch (words[1]) {
                case "stream" -> { for (String topic : words[2].split(",")) sources.add(new String[] {topic, "stream"}); }
                case "pattern" -> { sources.add(new String[] {"in0", "stream"}); sources.add(new String[] {"in3", "stream"}); }
                case "table", "global" -> sources.add(new String[] {words[2], words[1]});
            }
        }
        long time = 0;
        for (int i = 0, count = windowed ? 24 : 16; i < count; i++) {
            if (windowed) time += one(8) ? r.nextInt(150_000) : r.nextInt(4_000);
            long at = windowed ? Math.max(1, time - (one(3) ? r.nextInt(40_000) : 0)) : 1 + r.nextInt(50);
            String[] source = sources.get(r.nextInt(sources.size()));
            boolean isStream = source[1].equals("stream");
            String key = nullable && !source[1].equals("global") && one(8) ? "null" : source[1].equals("global") ? "" + "abcd".charAt(r.nextInt(4)) : "k" + r.nextInt(3);
            String value = one(isStream ? 10 : 4) ? "null" : text();
            p.add("in " + source[0] + " " + key + "|" + value + "|" + at + headers(i));
        }
    }

    String text() {
        StringJoiner words = new StringJoiner(" ");
        for (int n = 1 + r.nextInt(3); n > 0; n--) { int from = r.nextInt(4); words.add("abcdef".substring(from, from + 1 + r.nextInt(3))); }
        return one(20) ? "" : words.toString();
    }

    String headers(int i) {
        if (!one(4)) return "";
        StringJoiner all = new StringJoiner(";", "|", "");
        for (int n = 1 + r.nextInt(2); n > 0; n--) all.add((one(4) ? "g" : "h") + (one(4) ? "" : "=" + i + n));
        return all.toString();
    }
}
