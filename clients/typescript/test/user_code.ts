// Compiled, and not run: what a caller may and may not write.
import { HiirClient, type Job } from "../src/index.js";

export async function use(client: HiirClient, file: File): Promise<Job> {
  const result = await client.restore(file, {
    task: "denoise",
    noise_level: 25,
    lossless: true,
    strength: 70,
    region: "1200,800,256,256",
    format: "png",
    client_metadata: { album: "2026" },
    timeout: 60,
    onProgress: (state) => console.log(state.progress.percent),
  });
  const text: string = result.job.output?.sha256 ?? "";
  const url = URL.createObjectURL(result.content);
  for await (const event of client.jobs.events(result.job.id, { after: "1-0" })) event.kind.at(0);
  for await (const job of client.jobs.list()) job.status satisfies string;
  const plan = await client.jobs.dryRun(file, { task: "denoise", background: "#ffffff" });
  plan.warnings.map((warning) => `${warning.detail} ${plan.seconds?.toFixed(1)}`);
  const batch = await client.batches.submit([file], { task: "denoise", quality: 90 });
  await client.batches.wait(batch.id);
  const later = await client.jobs.submit(file, { task: "denoise", priority: "batch" });
  later.priority satisfies "interactive" | "batch";
  // @ts-expect-error jobs of batches always have the priority `batch`
  await client.batches.submit([file], { task: "denoise", priority: "interactive" });
  const [task] = await client.tasks.list();
  task?.parameters.map((parameter) => parameter.name);
  // @ts-expect-error a boolean, and not its text
  await client.restore(file, { task: "denoise", lossless: "true" });
  // @ts-expect-error an image is no string
  await client.jobs.submit("a.png", { task: "denoise" });
  // @ts-expect-error no such format
  await client.jobs.submit(file, { task: "denoise", format: "gif" });
  // @ts-expect-error a task is required
  await client.jobs.submit(file, {});
  return client.jobs.get(text + url, { wait: 10 });
}
