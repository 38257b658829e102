//! Shows how lambda_runtime sends a streamed answer: in how many pieces, and how long each one waits.
//!
//! Plays the Lambda Runtime API for a function that answers with 5 bytes, and prints when which bytes
//! of each answer arrived.

use lambda_runtime::{service_fn, Error, LambdaEvent, MetadataPrelude, Runtime, StreamResponse};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::Instant;

const INVOCATIONS: usize = 5;

fn main() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address").to_string();
    for (name, value) in [
        ("AWS_LAMBDA_RUNTIME_API", address.as_str()),
        ("AWS_LAMBDA_FUNCTION_NAME", "f"),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256"),
        ("AWS_LAMBDA_FUNCTION_VERSION", "1"),
    ] {
        std::env::set_var(name, value);
    }
    std::thread::spawn(run_function);
    let (stream, _) = listener.accept().expect("the function");
    play_runtime_api(stream);
}

fn run_function() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let answer = service_fn(|_: LambdaEvent<()>| async {
        let stream = futures_util::stream::iter([Ok::<_, Error>("hello")]);
        Ok::<_, Error>(StreamResponse { metadata_prelude: MetadataPrelude::default(), stream })
    });
    runtime.block_on(Runtime::new(answer).run()).expect("the function");
}

fn play_runtime_api(mut stream: TcpStream) {
    for number in 1..=INVOCATIONS {
        read_until(&mut stream, b"\r\n\r\n", |_| {});
        let head = "HTTP/1.1 200 OK\r\nLambda-Runtime-Aws-Request-Id: r\r\nLambda-Runtime-Deadline-Ms: 4102444800000\r\n\
                    Lambda-Runtime-Invoked-Function-Arn: a\r\nContent-Length: 4\r\n\r\nnull";
        let sent = Instant::now();
        stream.write_all(head.as_bytes()).expect("an event is taken");
        println!("invocation {number}");
        read_until(&mut stream, b"\r\n0\r\n\r\n", |piece| {
            println!("  after {:6.2} ms: {:3} bytes", sent.elapsed().as_secs_f64() * 1e3, piece.len());
        });
        stream.write_all(b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n").expect("the end");
    }
}

fn read_until(stream: &mut TcpStream, end: &[u8], mut see: impl FnMut(&[u8])) {
    let (mut all, mut buffer) = (Vec::new(), [0; 4096]);
    while !all.ends_with(end) {
        let size = stream.read(&mut buffer).expect("the function speaks");
        assert!(size > 0, "the function has hung up");
        see(&buffer[..size]);
        all.extend_from_slice(&buffer[..size]);
    }
}
