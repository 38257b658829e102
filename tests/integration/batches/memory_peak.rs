//! The largest requests that are admitted fit a function of 256 MB, with a full memory, measured.

use gateway_tests::gateway::{self, Running, read_answer};
use gateway_tests::scripted_cohere::{
    EMBED, EmbedAnswer, WITHOUT_RATES, number_texts, read_inputs,
};
use gateway_tests::skips::{print_line, report_skip};
use gateway_tests::stub::{Seen, Step, write_answer};
use serde_json::{Value, json};

/// Lambda's 256 MB hold more than the process.
const MOST_BYTES: u64 = 230_000_000;

/// An embedding as long as real ones are: the text's number, and then numbers of full length.
fn write_long_cell(text: &str, kind: &str, length: usize) -> String {
    let number = text.rsplit(|c: char| !c.is_ascii_digit()).next().unwrap_or_default();
    let (first, rest) = match kind {
        "int8" => (format!("{}", number.len()), ",-127"),
        _ => (format!("0.{number}"), ",-0.012345678"),
    };
    format!("[{first}{}]", rest.repeat(length - 1))
}

fn answer_large(seen: &Seen) -> Vec<Step> {
    let request: Value = serde_json::from_slice(&seen.body).unwrap();
    let kind = request["embedding_types"][0].as_str().unwrap();
    let length = request["output_dimension"].as_u64().unwrap_or(1_536) as usize;
    let texts = read_inputs(seen);
    let cells: Vec<_> = texts.iter().map(|text| write_long_cell(text, kind, length)).collect();
    let body = format!(
        r#"{{"id":"x","texts":{},"embeddings":{{"{kind}":[{}]}},"meta":{{"api_version":{{"version":"2"}},"billed_units":{{"input_tokens":1}}}},"response_type":"embeddings_by_type"}}"#,
        json!(texts),
        cells.join(",")
    );
    write_answer(200, &[("content-type", "application/json")], body.as_bytes())
}

async fn embed_texts(running: &Running, texts: &[String], kind: &str, length: usize) -> usize {
    let body = json!({
        "model": EMBED, "input_type": "search_document", "texts": texts,
        "embedding_types": [kind], "output_dimension": length,
    });
    let answer = read_answer(running.post("/v2/embed").body(body.to_string())).await;
    let embedded = EmbedAnswer::parse(&answer);
    let expected = texts.iter().map(|text| write_long_cell(text, kind, length));
    assert!(embedded.cells(kind).into_iter().eq(expected), "{} texts, {kind}", texts.len());
    answer.body.len()
}

/// Returns the most memory a process has had, in bytes, where the system tells.
fn read_peak(process: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kilobytes: u64 = line.trim().trim_end_matches(" kB").parse().ok()?;
    Some(kilobytes * 1_024)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn largest_requests_fit_in_256_mb() {
    let settings = [("GATEWAY_EMBED_MAX_TEXTS", "10000"), WITHOUT_RATES];
    let (stub, running) = gateway::start_single_with_stub(&settings).await;
    stub.answer_others(answer_large);
    let processes = running.gateway.process_ids("embed");
    let [process] = processes[..] else { panic!("one environment, not {processes:?}") };
    let Some(start) = read_peak(process) else {
        return report_skip("peak memory", "there is no /proc here");
    };
    let mut figures = vec![format!("start {:.1}", start as f64 / 1e6)];
    for (round, mark) in ["sea", "moon", "tide"].into_iter().enumerate() {
        for (count, kind, length) in [(1_920, "float", 1_536), (10_000, "int8", 256)] {
            let bytes = embed_texts(&running, &number_texts(mark, 0..count), kind, length).await;
            let now = read_peak(process).expect("the process is alive") as f64 / 1e6;
            figures.push(format!(
                "{count} × {length} {kind}, round {}: answer {:.1}, peak {now:.1}",
                round + 1,
                bytes as f64 / 1e6
            ));
        }
    }
    // The most calls that one request becomes, each with all of a large field.
    let images: Vec<_> = (0..96).map(|number| format!("data:,{number}")).collect();
    let body = json!({
        "model": "embed-english-v3.0", "input_type": "image", "images": images,
        "embedding_types": ["float"], "of_tomorrow": "p".repeat(4_400_000),
    });
    let answer = read_answer(running.post("/v2/embed").body(body.to_string())).await;
    assert_eq!(answer.status, 200, "96 images beside 4.4 MB");
    let now = read_peak(process).expect("the process is alive") as f64 / 1e6;
    figures.push(format!("96 images beside a field of 4.4 MB: peak {now:.1}"));
    assert_eq!(running.gateway.process_ids("embed"), processes, "the same process");
    let figures = figures.join("\n  ");
    print_line(&format!("peak memory of the embed function, MB:\n  {figures}"));
    let most = read_peak(process).expect("the process is alive");
    assert!(most < MOST_BYTES, "{most} bytes at the peak\n  {figures}");
}
