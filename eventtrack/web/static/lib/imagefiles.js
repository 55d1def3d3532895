/** Files of a run that are really a series: images that MLflow's `log_image(key=, step=)` wrote, one file a step. */
import { artifactUrl } from "./api.js";

// images/KEY+step+4+timestamp+1700000000000+UUID.png, with a compressed copy beside it; older versions have %.
const IMAGE = /^images\/(.+?)([%+])step\2(-?\d+)\2timestamp\2(\d+)\2([^%+.]+?)(?:[%+~]compressed)?\.(png|webp)$/;

/**
 * @param {{path: string, file_size?: number}[]} files those in the folder `images` of a run
 * @returns {Map<string, object[]>} the images by key, in order of their steps
 */
export function imageSeries(runId, files) {
  const known = new Map();
  for (const { path, file_size: size } of files) {
    const [, name, mark, step, timestamp, id, ending] = IMAGE.exec(path) || [];
    if (!name) continue;
    // A slash cannot stand in the name of a file.
    const key = name.replaceAll(mark === "%" ? "#" : "~", "/");
    const series = known.get(key) || known.set(key, new Map()).get(key);
    const url = artifactUrl(runId, path);
    const item = series.get(id) || { step: Number(step), timestamp: Number(timestamp), media_type: "image/png" };
    if (ending === "png") Object.assign(item, { url, path, size: Number(size), name: `${key} ${step}.png` });
    else item.thumb = url;
    item.url ||= url;
    series.set(id, item);
  }
  return new Map(
    [...known].map(([key, series]) => [
      key,
      [...series.values()].sort((a, b) => a.step - b.step || a.timestamp - b.timestamp),
    ]),
  );
}

/** Tables that MLflow's `log_table` wrote, by what the run's tag says of its files. */
export function tableFiles(runId, tag) {
  try {
    return JSON.parse(tag)
      .filter((file) => file?.type === "table" && typeof file.path === "string")
      .map(({ path }) => ({
        path,
        name: path,
        step: 0,
        timestamp: 0,
        media_type: "application/json",
        run_id: runId,
        url: artifactUrl(runId, path),
      }));
  } catch {
    return [];
  }
}
