use crate::connectors::refused::refuse;
use crate::options::Secret;

refuse! {
    /// Options of Confluent's sink that this one does not take; each says what to write instead.
    Refused;
    /// Not taken: see consumer.override.fetch.min.bytes and consumer.override.fetch.max.wait.ms.
    "linger.ms" linger: String, no_linger =>
        "records are written as they are read: to gather more for a request set consumer.override.fetch.min.bytes and \
         consumer.override.fetch.max.wait.ms";
    /// Not taken: the worker's memory is bounded as a whole.
    "max.buffered.records" buffered: String, no_buffer =>
        "leave it out: the worker bounds the bytes of all its tasks together";
    /// Not taken: see topic.to.external.resource.mapping.
    "topic.index.map" index_map: String, no_index_map =>
        "write topic.to.external.resource.mapping with the same pairs, and external.resource.usage=index";
    /// Not taken: see connection.username and connection.api.key.
    "kerberos.user.principal" principal: String, no_principal =>
        "Kerberos is not spoken: use connection.username with connection.password, or connection.api.key";
    /// Not taken: see connection.username and connection.api.key.
    "kerberos.keytab.path" keytab: String, no_keytab =>
        "Kerberos is not spoken: use connection.username with connection.password, or connection.api.key";
    /// Not taken: see connection.ca.file.
    "elastic.https.ssl.truststore.location" truststore: String, no_truststore =>
        "Java's keystores are not read: write connection.ca.file with a PEM file (keytool -exportcert -rfc makes one)";
    /// Not taken: see connection.ca.file.
    "elastic.https.ssl.truststore.password" truststore_password: Secret, no_truststore_password =>
        "a PEM file in connection.ca.file needs none";
    /// Not taken: see connection.ca.file.
    "elastic.https.ssl.truststore.type" truststore_type: String, no_truststore_type =>
        "connection.ca.file is PEM always";
    /// Not taken: see connection.api.key.
    "elastic.https.ssl.keystore.location" keystore: String, no_keystore =>
        "client certificates are not presented: use connection.api.key";
    /// Not taken: see connection.api.key.
    "elastic.https.ssl.keystore.password" keystore_password: Secret, no_keystore_password =>
        "client certificates are not presented: use connection.api.key";
    /// Not taken: see connection.api.key.
    "elastic.https.ssl.key.password" key_password: Secret, no_key_password =>
        "client certificates are not presented: use connection.api.key";
    /// Not taken: see connection.api.key.
    "elastic.https.ssl.keystore.type" keystore_type: String, no_keystore_type =>
        "client certificates are not presented: use connection.api.key";
    /// Not taken: TLS 1.2 and 1.3 are spoken.
    "elastic.https.ssl.protocol" tls_version: String, no_tls_version =>
        "leave it out: TLS 1.2 and 1.3 are spoken";
    /// Not taken: TLS 1.2 and 1.3 are spoken.
    "elastic.https.ssl.enabled.protocols" tls_versions: String, no_tls_versions =>
        "leave it out: TLS 1.2 and 1.3 are spoken";
}
