//! What the compiler says to the likeliest mistakes. `TRYBUILD=overwrite` rewrites the expected texts; read them as a user.

#[test]
fn mistakes_are_explained() {
    trybuild::TestCases::new().compile_fail("tests/ui/*.rs");
}
