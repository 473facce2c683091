package peers;

import java.util.Arrays;

/** Runs one of {@link Topologies} over a topic of so many records, into a topic that is there. */
final class RunTopology {
    public static void main(String[] args) throws Exception {
        if (args.length < 5) {
            System.err.println("usage: RunTopology BOOTSTRAP WORK INPUT RECORDS OUTPUT [key=value of StreamsConfig]...");
            System.exit(2);
        }
        String bootstrap = args[0], work = args[1], input = args[2], output = args[4];
        long total = Long.parseLong(args[3]);
        var state = Run.stateDirectory();
        Run run = new Run();
        var topology = Topologies.of(work, run, input, output).build();
        var config = Run.config(bootstrap, work, state, Arrays.copyOfRange(args, 5, args.length));
        run.toTheEnd(topology, config, "records", () -> total, () -> run.hasRead(total));
        Run.delete(state);
        System.exit(0);
    }
}
