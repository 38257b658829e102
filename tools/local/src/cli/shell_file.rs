//! The file that leads another terminal to this run: `source` it.

use crate::{Stack, build};
use anyhow::Context;
use std::fs;
use std::io::Write;
use std::net::{Ipv4Addr, TcpStream};
use std::path::{Path, PathBuf};

/// The file, which goes with the run.
pub struct ShellFile(PathBuf);

impl ShellFile {
    /// Writes the file of a stack into the target directory, by the port that it listens on.
    pub fn write(stack: &Stack) -> anyhow::Result<Self> {
        let port = stack.url.rsplit(':').next().unwrap_or_default();
        let folder = build::target_directory().join("local");
        remove_files_of_ended_runs(&folder);
        Self::write_to(&folder.join(format!("{port}.sh")), &describe_variables(stack))
    }

    /// Nobody but its owner may read it: it has a token and credentials.
    fn write_to(path: &Path, text: &str) -> anyhow::Result<Self> {
        let write = || {
            fs::create_dir_all(path.parent().unwrap_or(path))?;
            // One that a killed run has left could be anybody's to read.
            match fs::remove_file(path) {
                Err(problem) if problem.kind() != std::io::ErrorKind::NotFound => Err(problem),
                _ => Ok(()),
            }?;
            let mut options = fs::OpenOptions::new();
            options.write(true).create_new(true);
            #[cfg(unix)]
            std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
            options.open(path)?.write_all(text.as_bytes())
        };
        write().with_context(|| format!("cannot write {}", path.display()))?;
        Ok(ShellFile(path.to_owned()))
    }

    /// Returns its path, from the working directory where it lies below that.
    pub fn path(&self) -> &Path {
        let here = std::env::current_dir().unwrap_or_default();
        self.0.strip_prefix(here).unwrap_or(&self.0)
    }
}

impl Drop for ShellFile {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

/// A run that was killed has left its file, with its token.
fn remove_files_of_ended_runs(folder: &Path) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        let port = path.file_stem().and_then(|name| name.to_str()?.parse().ok());
        if port.is_some_and(|port| TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err()) {
            let _ = fs::remove_file(path);
        }
    }
}

fn describe_variables(stack: &Stack) -> String {
    let mut variables = stack.aws.clone();
    variables.push(("GATEWAY_URL".to_owned(), stack.url.clone()));
    variables.push(("GATEWAY_TOKEN".to_owned(), stack.token.clone()));
    let mut text = format!("# The gateway at {}, while it runs.\n", stack.url);
    for (name, value) in variables {
        text += &format!("export {name}='{value}'\n");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    #[test]
    fn file_is_its_owners_and_goes_with_the_run() {
        use std::os::unix::fs::PermissionsExt;
        let folder = std::env::temp_dir().join(format!("gateway-shell-{}", std::process::id()));
        let path = folder.join("sub/8080.sh");
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, "left by a killed run").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        let file = ShellFile::write_to(&path, "export A='1'\n").unwrap();
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(fs::read_to_string(&path).unwrap(), "export A='1'\n");
        drop(file);
        assert!(!path.exists());
        let closed = {
            let free = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
            free.local_addr().unwrap().port()
        };
        let serving = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let folder = path.parent().unwrap();
        let paths = [closed, serving.local_addr().unwrap().port()]
            .map(|port| folder.join(format!("{port}.sh")));
        paths.iter().for_each(|path| fs::write(path, "").unwrap());
        remove_files_of_ended_runs(folder);
        assert_eq!(paths.map(|path| path.exists()), [false, true]);
        let folder = folder.parent().unwrap();
        fs::remove_dir_all(folder).unwrap();
    }
}
