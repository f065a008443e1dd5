import type { Device } from './device.js';
import { LinuxDevice, type LinuxDeviceOptions } from './linux-device.js';
import { RecordedDevice } from './recorded-device.js';

/** Gives the device that `device` of client.yml names; nothing is touched before {@link Device.set}. */
export function chooseDevice(device: 'auto' | 'kernel' | 'wireguard-go' | 'recorded', options: Omit<LinuxDeviceOptions, 'prefer'>): Device {
  return device === 'recorded' ? new RecordedDevice(options.interfaceName) : new LinuxDevice({ ...options, prefer: device });
}
