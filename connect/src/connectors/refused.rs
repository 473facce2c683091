//! Options of connectors for Kafka Connect in Java that ours do not take.

/// Makes a struct of options that are not taken, each with what to write instead; `unless` has the values, in any case, that ask for
/// what happens anyway, which are taken.
macro_rules! refuse {
    (
        $(#[doc = $about:literal])* $struct:ident;
        $($(#[doc = $doc:literal])* $name:literal $field:ident: $kind:ty, $check:ident
            $(unless $same:expr)? => $why:literal;)*
    ) => {
        $(#[doc = $about])*
        #[derive(crate::options::Options, Clone, Debug)]
        pub struct $struct {
            $($(#[doc = $doc])* #[option(name = $name, check = $check, importance = "low", group = "Not taken")] pub $field: Option<$kind>,)*
        }

        $(fn $check(_said: &Option<$kind>) -> Result<(), String> {
            $(if let Some(said) = _said && $same.iter().any(|same| said.trim().eq_ignore_ascii_case(same)) {
                return Ok(());
            })?
            Err(concat!("it is not taken; ", $why).to_owned())
        })*
    };
}

pub(crate) use refuse;
