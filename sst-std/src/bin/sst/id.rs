//! `sst id`.

use crate::failure::Failure;
use crate::options::Options;
use crate::print::say;

pub(crate) fn run(options: &Options) -> Result<(), Failure> {
    let identity = options.identity()?;
    if options.json {
        say!("{}", serde_json::json!({ "id": identity.id().to_string() }));
    } else {
        say!("{}", identity.id());
    }
    Ok(())
}
