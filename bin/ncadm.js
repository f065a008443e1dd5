#!/usr/bin/env node
import '../dist/bundle/ncadm.js';
