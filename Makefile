# `make demo` counts the words of a novel; `make test` passes every test. Both install what they lack (Debian packages, as
# root) and say so; without root they say what to install. Builds lie outside the checkout: see .ci/env.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
COMPARISONS := bench-produce bench-consume bench-latency bench-wordcount bench-start \
	bench-stateless bench-aggregate bench-restore bench-windowed bench-streams-latency bench-postgres \
	bench-connect bench-opensearch
.PHONY: demo etl-demo test needs judges bench-dev bench-etl $(COMPARISONS)

demo: needs
	@source .ci/env; cargo run --release --bin word_count

# A web server's log through Connect and a topology into VictoriaMetrics, OpenSearch and Postgres, and one question that five
# answer; fails if they differ.
etl-demo: needs judges
	@source .ci/env; cargo build --release --workspace --bin millstream --bin monitoring_etl --bin etl_demo; \
		"$$CARGO_TARGET_DIR/release/etl_demo"

test: needs judges
	@source .ci/env; cargo test --workspace

needs:
	@.ci/install needed 'ls $${LIBCLANG_PATH:-/usr/lib/llvm-*/lib}/libclang*.so* && ls -d /usr/lib/llvm-*/lib/clang/*/include' \
		"to read RocksDB's C header" libclang1-14 libclang-common-14-dev

judges:
	@.ci/install wanted 'kcat -V' "to test with librdkafka" kcat
	@.ci/install wanted 'python3 -c "import venv, ensurepip"' "to test with kafka-python" python3-venv
	@.ci/install wanted 'javac --version && mvn --version' "to test with Apache Kafka's own clients" default-jdk-headless maven
	@.ci/install wanted 'curl --version' "to test the webhook with a sender that we did not write" curl
	@.ci/install wanted 'logger --version && PATH=$$PATH:/usr/sbin rsyslogd -v' "to test with real senders of syslog" bsdutils rsyslog
	@.ci/install wanted 'PATH=$$PATH:/usr/sbin logrotate --version' "to test with real log rotation" logrotate
	@.ci/install wanted 'prometheus --version && promtool --version' "to test with Prometheus" prometheus
	@.ci/install wanted 'prometheus-node-exporter --version' "to test with a real target of scrapes" prometheus-node-exporter
	@.ci/install wanted 'ls /usr/lib/postgresql/*/bin/postgres' "to test with PostgreSQL" postgresql
	@.ci/install wanted 'victoria-metrics --version && vmagent --version' "to test with VictoriaMetrics" victoria-metrics

# All programs are built as members of the workspace, with the same features: what one command has built the next one has.
# Each runs Apache Kafka beside us, in turns; the last line is a JSON object. benches/src/knobs.rs has what can be tuned.
$(COMPARISONS): bench-%: needs judges
	@source .ci/env; cargo build --release --workspace --bin millstream --bin compare --bin count_words --bin run_topology \
		--bin bulk_load; \
		"$$CARGO_TARGET_DIR/release/compare" $*

# A line's cost on its way through the whole monitoring ETL; the servers' apart.
bench-etl: needs judges
	@source .ci/env; cargo build --release --workspace --bin millstream --bin monitoring_etl --bin bench_etl; \
		"$$CARGO_TARGET_DIR/release/bench_etl"

# From a changed line of the word count to its test's answer, and the size of its release binary.
bench-dev: needs
	@benches/dev
