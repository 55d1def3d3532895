"""GPUs of AMD and Apple, by what their drivers' tools were recorded to say."""

import sys
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from eventtrack.machine.amd import find_amd
from eventtrack.machine.apple import AppleGpus
from eventtrack.machine.gpus import GpuLoad

IOREG = b"""<?xml version="1.0" encoding="UTF-8"?>
<plist version="1.0"><array><dict>
  <key>model</key><string>Apple M3 Max</string>
  <key>PerformanceStatistics</key><dict>
    <key>Device Utilization %</key><integer>42</integer>
    <key>In use system memory</key><integer>3000000000</integer>
  </dict>
</dict></array></plist>"""


class RefusedError(Exception):
    """The driver's error."""


@pytest.fixture
def amdsmi(monkeypatch: pytest.MonkeyPatch) -> Any:
    """ROCm's package with two GPUs: the second is of a kind that knows little."""
    module: Any = ModuleType("amdsmi")
    module.AmdSmiException = RefusedError
    module.AmdSmiTemperatureType = SimpleNamespace(HOTSPOT=1)
    module.AmdSmiTemperatureMetric = SimpleNamespace(CURRENT=0)

    def only_first(answer: object) -> Any:
        def asked(handle: int, *rest: object) -> object:
            if handle:
                raise RefusedError
            return answer

        return asked

    module.amdsmi_init = lambda: None
    module.amdsmi_get_processor_handles = lambda: [0, 1]
    module.amdsmi_get_gpu_asic_info = lambda handle: {"market_name": f"MI300 {handle}"}
    module.amdsmi_get_gpu_activity = lambda handle: {"gfx_activity": (93, "N/A")[handle]}
    module.amdsmi_get_gpu_vram_usage = lambda handle: {"vram_total": 1024, "vram_used": 256}
    module.amdsmi_get_power_info = lambda handle: {
        "current_socket_power": (300, "N/A")[handle],
        "average_socket_power": 120,
    }
    module.amdsmi_get_power_cap_info = only_first({"power_cap": 600_000_000})
    module.amdsmi_get_temp_metric = only_first(55)
    module.amdsmi_get_gpu_process_list = only_first([{"pid": 7, "memory_usage": {"vram_mem": 9}}])
    monkeypatch.setitem(sys.modules, "amdsmi", module)
    return module


@pytest.mark.usefixtures("amdsmi")
def test_amd_says_what_it_knows() -> None:
    gpus = find_amd()
    assert gpus is not None
    assert gpus.models() == ["MI300 0", "MI300 1"]
    assert gpus.read() == [
        GpuLoad("0", 93.0, 256 * 2**20, 2**30, 300.0, 600.0, 55.0, {7: 9}),
        GpuLoad("1", None, 256 * 2**20, 2**30, 120.0, None, None, {}),
    ]


def test_a_driver_that_does_not_start_is_no_gpu(amdsmi: Any) -> None:
    def refuse() -> None:
        raise RefusedError

    amdsmi.amdsmi_init = refuse
    assert find_amd() is None


def test_apple_s_gpu_has_the_memory_of_the_machine() -> None:
    gpus = AppleGpus(lambda: IOREG)
    assert gpus.models() == ["Apple M3 Max"]
    assert gpus.read() == [GpuLoad("0", 42.0, 3_000_000_000)]


def test_a_report_that_cannot_be_read_is_no_gpu() -> None:
    assert AppleGpus(lambda: b"ioreg: no such option").read() == []
