//! `sst id`.

use crate::failure::Failure;
use crate::options::Options;

pub(crate) fn run(options: &Options) -> Result<(), Failure> {
    let identity = options.identity()?;
    if options.json {
        println!("{}", serde_json::json!({ "id": identity.id().to_string() }));
    } else {
        println!("{}", identity.id());
    }
    Ok(())
}
