//! A deployment: what must hold before it, the template it hands to `sam`, and what is looked at after it.

pub mod account;
pub mod aliases;
pub mod code_deploy;
pub mod commit;
pub mod compare;
pub mod constraints;
pub mod next;
pub mod preconditions;
pub mod record;
pub mod revision;
pub mod salt;
pub mod sam;
pub mod settings;
pub mod smoke;
pub mod stack;
pub mod stopping;
pub mod synthetic_client;
pub mod template;
